internal import FoundationEssentials
internal import Glibc

/// The files of a folder.
struct Image {
    /// Each after the one it is in.
    var folders: [String] = []
    var files: [(path: String, bytes: [UInt8])] = []

    /// What is in one folder, with the folder.
    func part(_ folder: String) -> Image {
        Image(
            folders: folders.filter { $0 == folder || $0.hasPrefix(folder + "/") },
            files: files.filter { $0.path.hasPrefix(folder + "/") })
    }

    /// Puts another folder in the place of one that may be there.
    mutating func replace(_ folder: String, with other: Image) {
        folders.removeAll { $0 == folder || $0.hasPrefix(folder + "/") }
        files.removeAll { $0.path.hasPrefix(folder + "/") }
        folders += other.folders
        files += other.files
    }

    /// LMDB writes its lock files through memory, so what is in them after a crash is left to chance.
    mutating func spoilLockFiles(using generator: inout SeededGenerator) {
        for place in files.indices where files[place].path.hasSuffix("/lock.mdb") {
            let spoiled: UInt8 = generator.chance(50) ? 0 : UInt8(truncatingIfNeeded: generator.next())
            files[place].bytes = .repeating(spoiled, count: files[place].bytes.count)
        }
    }

    /// Puts the files where nothing is, or something that can go.
    func write(to folder: String) {
        try? FileManager.default.removeItem(atPath: folder)
        unsafe mkdir(folder, 0o700)
        for path in folders { unsafe mkdir(folder + "/" + path, 0o700) }
        for file in files { file.bytes.write(toNewFile: folder + "/" + file.path) }
    }
}
