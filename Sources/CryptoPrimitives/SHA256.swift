internal import COpenSSL

/// A SHA-256 digest (FIPS 180-4): 32 bytes, ordered as bytes are.
public struct SHA256Digest: BitwiseCopyable, Hashable, Sendable, Comparable {
    // Two big-endian halves: comparing and hashing them is comparing and hashing the bytes.
    private let high: UInt128
    private let low: UInt128

    /// The number of bytes.
    public static let byteCount = 32
    /// 32 zero bytes: what stands where there is no digest yet.
    public static let zero = SHA256Digest(high: 0, low: 0)

    private init(high: UInt128, low: UInt128) {
        self.high = high
        self.low = low
    }

    /// The digest with these 32 bytes, or nil for another number of bytes.
    public init?(_ bytes: RawSpan) {
        guard bytes.byteCount == Self.byteCount else { return nil }
        high = unsafe UInt128(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt128.self))
        low = unsafe UInt128(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 16, as: UInt128.self))
    }

    /// The bytes in order.
    public var bytes: [UInt8] { withBytes { span in unsafe span.withUnsafeBytes { unsafe [UInt8]($0) } } }

    /// Runs `body` with the bytes, without an allocation.
    public func withBytes<Result>(_ body: (RawSpan) -> Result) -> Result {
        let words: (UInt128, UInt128) = (high.bigEndian, low.bigEndian)
        return unsafe withUnsafeBytes(of: words) { unsafe body($0.bytes) }
    }

    public static func < (a: Self, b: Self) -> Bool { (a.high, a.low) < (b.high, b.low) }
}

extension SHA256Digest: CustomStringConvertible {
    /// 64 lower-case hexadecimal digits.
    public var description: String { bytes.hexadecimal }
}

/// SHA-256 (FIPS 180-4), in one call or in pieces. A value: copying it forks the computation.
public struct SHA256: Sendable {
    private var context: SHA256_CTX

    /// Starts with no input.
    public init() {
        context = SHA256_CTX()
        _ = unsafe SHA256_Init(&context)
    }

    /// Adds input.
    public mutating func update(_ bytes: RawSpan) {
        _ = unsafe bytes.withUnsafeBytes { buffer in unsafe SHA256_Update(&context, buffer.baseAddress, buffer.count) }
    }

    /// The digest of the input so far; more input may follow.
    public func finalize() -> SHA256Digest {
        var copy = context
        var words: (UInt128, UInt128) = (0, 0)
        return unsafe withUnsafeMutableBytes(of: &words) { buffer in
            _ = unsafe SHA256_Final(buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), &copy)
            return unsafe SHA256Digest(UnsafeRawBufferPointer(buffer).bytes) ?? .zero
        }
    }

    /// The digest of one piece of input.
    public static func hash(_ bytes: RawSpan) -> SHA256Digest {
        var hash = SHA256()
        hash.update(bytes)
        return hash.finalize()
    }
}

extension [UInt8] {
    /// Two lower-case hexadecimal digits a byte.
    public var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// Bytes from hexadecimal digits of either case, or nil.
    public init?(hexadecimal text: String) {
        let digits = Array<Character>(text).map(\.hexDigitValue)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = digits[index], let low = digits[index + 1] else { return nil }
            bytes.append(UInt8(high << 4 | low))
        }
        self = bytes
    }
}
