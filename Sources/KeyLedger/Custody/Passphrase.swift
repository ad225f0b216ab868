public import CryptoPrimitives
internal import Glibc

/// How a master key comes out of a passphrase: scrypt (RFC 7914) with these costs and this salt. Not secret.
public struct PassphraseDerivation: Hashable, Sendable {
    /// The costs.
    public let parameters: Scrypt.Parameters
    /// Random, so that one passphrase gives every ledger another key.
    public let salt: [UInt8]

    static let saltByteCount = 32

    /// A derivation for a new master key: the standard costs and a new salt.
    public init() throws(CryptoError) {
        self.init(parameters: .standard, salt: try SecureRandom.bytes(count: Self.saltByteCount))
    }

    init(parameters: Scrypt.Parameters, salt: [UInt8]) {
        self.parameters = parameters
        self.salt = salt
    }
}

extension MasterKey {
    /// The fewest bytes of a passphrase that is set anew (SP 800-63B, section 5.1.1.2).
    public static let passphraseByteCountMin = 8
    /// The most bytes of a passphrase.
    public static let passphraseByteCountMax = 1024

    /// Derives a key from a passphrase. Takes 128 MiB and part of a second.
    ///
    /// - Parameter derivation: The ledger's, from ``KeyStore/masterKeyNeeded(_:)``; a new one for a new key.
    public init(passphrase: borrowing SecretBytes, derivation: PassphraseDerivation) throws(KeyStoreError) {
        do throws(CryptoError) {
            let secret = try Scrypt.derive(
                passphrase: passphrase, salt: unsafe derivation.salt.span.bytes, parameters: derivation.parameters,
                count: 32)
            try self.init(secret, derivation: derivation)
        } catch {
            throw .crypto(error)
        }
    }

    /// Reads a passphrase: all of a file, but for a line feed at its end.
    ///
    /// - Parameter path: A regular file that only its owner may read, or a pipe.
    /// - Throws: ``KeyStoreError/passphrase(source:reason:)`` if it is missing, empty, too long or readable by others.
    public static func readPassphrase(file path: String) throws(KeyStoreError) -> SecretBytes {
        let file = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            throw .passphrase(
                source: path,
                reason: errno == ENOENT ? "there is no such file" : unsafe String(cString: strerror(errno)))
        }
        defer { Glibc.close(file) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0, [S_IFREG, S_IFIFO].contains(status.st_mode & S_IFMT) else {
            throw .passphrase(source: path, reason: "it is neither a file nor a pipe")
        }
        guard status.st_mode & S_IFMT == S_IFIFO || status.st_mode & 0o077 == 0 else {
            throw .passphrase(
                source: path,
                reason: "others may read it (mode \(String(status.st_mode & 0o777, radix: 8))); run `chmod 600 \(path)`"
            )
        }
        return try readPassphrase(from: file, source: path)
    }

    /// Reads a passphrase from an open file to its end, into locked memory.
    ///
    /// - Parameter source: What messages call it.
    public static func readPassphrase(from file: Int32, source: String) throws(KeyStoreError) -> SecretBytes {
        var count = 0
        var failure: Int32 = 0
        // With room for a line feed and a byte more, to notice what is too long.
        let capacity = passphraseByteCountMax + 2
        let buffer = try KeyStoreError.crypto { () throws(CryptoError) in
            try SecretBytes(readingUpTo: capacity, from: file, count: &count, failure: &failure)
        }
        if failure != 0 { throw .passphrase(source: source, reason: unsafe String(cString: strerror(failure))) }
        let feed = UInt8(ascii: "\n")
        let length = buffer.withBytes { bytes in
            guard count > 0 else { return 0 }
            return unsafe bytes.unsafeLoad(fromByteOffset: count - 1, as: UInt8.self) == feed ? count - 1 : count
        }
        guard length > 0 else { throw .passphrase(source: source, reason: "it is empty") }
        guard length <= passphraseByteCountMax else {
            throw .passphrase(source: source, reason: "it is longer than \(passphraseByteCountMax) bytes")
        }
        return try KeyStoreError.crypto { () throws(CryptoError) in
            try buffer.withBytes { (bytes: RawSpan) throws(CryptoError) in
                try SecretBytes(copying: bytes.extracting(0..<length))
            }
        }
    }
}
