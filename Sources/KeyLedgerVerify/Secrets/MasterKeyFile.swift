internal import CryptoPrimitives
internal import Glibc

/// The secret in a master key file: one line, `keyledger-master-key-1`, a space and 64 hexadecimal digits.
enum MasterKeyFile {
    private static let prefix = Array("keyledger-master-key-1 ".utf8)

    static func read(_ path: String) throws(Unreadable) -> SecretBytes {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw Unreadable(errnoOf: path) }
        defer { close(file) }
        do throws(CryptoError) {
            let capacity = prefix.count + 66
            var count = 0
            // Read into locked memory, with a byte to spare to notice a longer file.
            let text = try SecretBytes(count: capacity) { (span: inout MutableRawSpan) in
                count = unsafe span.withUnsafeMutableBytes { unsafe Glibc.read(file, $0.baseAddress, capacity) }
            }
            let isComplete = count == prefix.count + 64 || count == prefix.count + 65
            var isValid = isComplete
            let secret = try SecretBytes(count: 32) { (secret: inout MutableRawSpan) in
                guard isComplete else { return }
                text.withBytes { text in
                    func byte(_ index: Int) -> UInt8 { unsafe text.unsafeLoad(fromByteOffset: index, as: UInt8.self) }
                    for (index, expected) in prefix.enumerated() where byte(index) != expected { isValid = false }
                    if count == capacity - 1, byte(count - 1) != 0x0A { isValid = false }
                    for index in 0..<32 {
                        guard let high = digit(byte(prefix.count + 2 * index)),
                            let low = digit(byte(prefix.count + 2 * index + 1))
                        else {
                            isValid = false
                            return
                        }
                        secret.storeBytes(of: high << 4 | low, toByteOffset: index, as: UInt8.self)
                    }
                }
            }
            if isValid { return secret }
        } catch {
            throw Unreadable(path, "\(error)")
        }
        throw Unreadable(path, "it is not one line of `keyledger-master-key-1`, a space and 64 hexadecimal digits")
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
