public import CryptoPrimitives
internal import Glibc
internal import LedgerStore

/// The root of trust of a ledger on this machine: 32 bytes that wrap everything else.
///
/// It comes from a file that nobody but its owner may read, or from a passphrase, and is never written anywhere by the
/// ledger.
public struct MasterKey: ~Copyable, Sendable {
    private let cipher: AES256GCM
    /// What distinguishes master keys in messages: 16 hexadecimal digits that say nothing about the key.
    public let id: String
    /// How it came out of a passphrase; nil for a key from a file. Not secret; stored with the ledger's root secret.
    public let derivation: PassphraseDerivation?

    private static let filePrefix = "keyledger-master-key-1 "

    /// The key with these 32 bytes.
    public init(_ secret: consuming SecretBytes) throws(CryptoError) { try self.init(secret, derivation: nil) }

    init(_ secret: consuming SecretBytes, derivation: PassphraseDerivation?) throws(CryptoError) {
        let id = try secret.derived("keyledger master key id v1", count: 8)
        let cipher = try AES256GCM(key: try secret.derived("keyledger master key wrap v1"))
        self.id = id.withBytes { $0.array.hexadecimal }
        self.cipher = cipher
        self.derivation = derivation
    }

    /// Reads a key file: one line, `keyledger-master-key-1` and 64 hexadecimal digits.
    ///
    /// - Throws: ``KeyStoreError/masterKeyFile(path:reason:)`` if it is missing, malformed, or readable by anyone but its
    ///   owner.
    public init(readingFile path: String) throws(KeyStoreError) {
        func unusable(_ reason: String) -> KeyStoreError { .masterKeyFile(path: path, reason: reason) }
        // Not blocking: the path may be a pipe that nobody writes to.
        let file = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            throw unusable(
                errno == ENOENT ? "there is no such file" : unsafe String(cString: strerror(errno)))
        }
        defer { Glibc.close(file) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw unusable("it is not a file")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw unusable(
                "others may read it (mode \(String(status.st_mode & 0o777, radix: 8))); run `chmod 600 \(path)`")
        }
        // Read into locked memory, with a byte to spare to notice a longer file.
        let capacity = Self.filePrefix.utf8.count + 64 + 2
        var count = 0
        let text = try KeyStoreError.crypto { () throws(CryptoError) in
            try SecretBytes(count: capacity) { (span: inout MutableRawSpan) in
                count = unsafe span.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, capacity) }
            }
        }
        guard let secret = try Self.parse(text, count: count) else {
            throw unusable(
                "it is not one line of `keyledger-master-key-1`, a space and 64 hexadecimal digits in lower case")
        }
        do throws(CryptoError) {
            try self.init(secret)
        } catch {
            throw .crypto(error)
        }
    }

    private static func parse(_ text: borrowing SecretBytes, count: Int) throws(KeyStoreError) -> SecretBytes? {
        let prefix = Array(filePrefix.utf8)
        return try text.withBytes { (text: RawSpan) throws(KeyStoreError) -> SecretBytes? in
            func byte(_ index: Int) -> UInt8 { unsafe text.unsafeLoad(fromByteOffset: index, as: UInt8.self) }
            func digit(_ index: Int) -> UInt8? {
                switch byte(index) {
                case let byte where (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte): byte - UInt8(ascii: "0")
                case let byte where (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte):
                    byte - UInt8(ascii: "a") + 10
                default: nil
                }
            }
            let end = prefix.count + 64
            guard count == end || count == end + 1,
                count == end || byte(end) == UInt8(ascii: "\n"), prefix.indices.allSatisfy({ byte($0) == prefix[$0] })
            else { return nil }
            var isHexadecimal = true
            let secret = try KeyStoreError.crypto { () throws(CryptoError) in
                try SecretBytes(count: 32) { (span: inout MutableRawSpan) in
                    for index in 0..<32 {
                        guard let high = digit(prefix.count + 2 * index), let low = digit(prefix.count + 2 * index + 1)
                        else {
                            isHexadecimal = false
                            return
                        }
                        span.storeBytes(of: high << 4 | low, toByteOffset: index, as: UInt8.self)
                    }
                }
            }
            guard isHexadecimal else { return nil }
            return secret
        }
    }

    /// Makes a new key and writes it to a file that must not exist, readable by its owner only.
    public static func create(file path: String) throws(KeyStoreError) {
        let secret = try KeyStoreError.crypto { () throws(CryptoError) in try SecretBytes(randomCount: 32) }
        let file = unsafe Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            throw .masterKeyFile(
                path: path, reason: errno == EEXIST ? "it exists already" : unsafe String(cString: strerror(errno)))
        }
        defer { Glibc.close(file) }
        let prefix = Array(filePrefix.utf8)
        let digits = Array("0123456789abcdef".utf8)
        let line = try KeyStoreError.crypto { () throws(CryptoError) in
            try SecretBytes(count: prefix.count + 65) { (line: inout MutableRawSpan) in
                for (index, byte) in prefix.enumerated() {
                    line.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
                }
                secret.withBytes { secret in
                    for index in 0..<32 {
                        let byte = unsafe secret.unsafeLoad(fromByteOffset: index, as: UInt8.self)
                        line.storeBytes(
                            of: digits[Int(byte >> 4)], toByteOffset: prefix.count + 2 * index, as: UInt8.self)
                        line.storeBytes(
                            of: digits[Int(byte & 15)], toByteOffset: prefix.count + 2 * index + 1, as: UInt8.self)
                    }
                }
                line.storeBytes(of: UInt8(ascii: "\n"), toByteOffset: prefix.count + 64, as: UInt8.self)
            }
        }
        errno = ENOSPC  // What a write means that ends early without a reason.
        let isWritten = line.withBytes { line in
            unsafe line.withUnsafeBytes { unsafe write(file, $0.baseAddress, $0.count) == $0.count }
        }
        // Its entry in the folder too: without the master key every other key is lost.
        guard isWritten, fsync(file) == 0,
            (try? LedgerFolder.makeDurable(folderAt: DurableFile.folder(of: path))) != nil
        else {
            let reason = unsafe String(cString: strerror(errno))
            unsafe unlink(path)
            throw .masterKeyFile(path: path, reason: reason)
        }
    }

    /// Encrypts a secret under this key; the context must be the same to open it.
    borrowing func seal(_ secret: RawSpan, authenticating context: RawSpan) throws(CryptoError) -> [UInt8] {
        try cipher.seal(secret, authenticating: context)
    }

    /// - Throws: `CryptoError.authenticationFailed` for another key or context, or changed bytes.
    borrowing func open(_ box: RawSpan, authenticating context: RawSpan) throws(CryptoError) -> SecretBytes {
        try cipher.open(box, authenticating: context)
    }
}
