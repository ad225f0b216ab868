internal import COpenSSL

/// Sixteen bytes that tell whether other bytes are still what they were: Poly1305 (RFC 8439, section 2.5) under a
/// published key.
///
/// Against decay only. Any change that chance makes (a flipped bit, a torn write, a page in another place) is missed with
/// a probability of less than 2^-80 in messages of up to a mebibyte. Everybody knows the key, so whoever can change the
/// bytes can make the checksum right again: it says nothing about people. What does is a tree of SHA-256 hashes whose
/// root is kept elsewhere. In return it costs an eighth of SHA-256.
public struct Checksum: BitwiseCopyable, Hashable, Sendable {
    /// The bytes as they lie in memory.
    private let value: UInt128

    /// The number of bytes.
    public static let byteCount = 16
    /// 16 zero bytes: what stands where there is no checksum yet.
    public static let zero = Checksum(value: 0)

    private init(value: UInt128) { self.value = value }

    /// The checksum with these 16 bytes, or nil for another number of bytes.
    public init?(_ bytes: RawSpan) {
        guard bytes.byteCount == Self.byteCount else { return nil }
        value = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt128.self)
    }

    /// The checksum of one piece of input; see ``Computation``.
    public static func of(_ bytes: RawSpan) -> Checksum {
        var computation = Computation()
        computation.update(bytes)
        return computation.finalize()
    }

    /// The bytes in order.
    public var bytes: [UInt8] { withBytes { $0.array } }

    /// Runs `body` with the bytes, without an allocation.
    public func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe try withUnsafeBytes(of: value) { (buffer) throws(Failure) in unsafe try body(buffer.bytes) }
    }

    /// Whether OpenSSL offers Poly1305. It does unless a configuration leaves it only algorithms approved by FIPS 140;
    /// nothing else of this type may be used then.
    public static var isAvailable: Bool { Template.published.isUsable }
}

extension Checksum: CustomStringConvertible {
    /// 32 lower-case hexadecimal digits.
    public var description: String { withBytes { $0.hexadecimal } }
}

extension Checksum {
    /// A checksum of input that comes in pieces. How it is cut does not matter.
    ///
    /// Requires ``Checksum/isAvailable``.
    @safe public struct Computation: ~Copyable {
        private let context: OpaquePointer

        /// Starts with no input.
        public init() { self.init(Template.published) }

        /// A copy of a context that has its key costs a tenth of keying a new one.
        fileprivate init(_ template: Template) {
            guard let source = unsafe template.context, let context = unsafe EVP_MAC_CTX_dup(source) else {
                preconditionFailure("OpenSSL has no Poly1305, or no memory for it")
            }
            unsafe self.context = context
        }

        deinit { unsafe EVP_MAC_CTX_free(context) }

        /// Adds input.
        public mutating func update(_ bytes: RawSpan) {
            if bytes.byteCount == 0 { return }
            let result = unsafe bytes.withUnsafeBytes { buffer in
                unsafe EVP_MAC_update(context, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), buffer.count)
            }
            precondition(result == 1, "Poly1305 takes any input")
        }

        /// The checksum of the input.
        public consuming func finalize() -> Checksum {
            var value: UInt128 = 0
            var count = 0
            let result = unsafe withUnsafeMutableBytes(of: &value) { buffer in
                unsafe EVP_MAC_final(
                    context, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), &count, buffer.count)
            }
            precondition(result == 1 && count == Checksum.byteCount, "Poly1305 gives 16 bytes")
            return Checksum(value: value)
        }
    }

    /// The checksum under another key, for published test vectors.
    static func of(_ bytes: RawSpan, key: [UInt8]) -> Checksum {
        var computation = Computation(Template(key: key))
        computation.update(bytes)
        return computation.finalize()
    }
}

/// A context that has its key and no input.
///
/// Sendable: it is never changed, and copying one that nobody changes is safe on several threads.
@safe private final class Template: @unchecked Sendable {
    /// The key is a digest of a text, so that everybody sees that it was not chosen for a purpose.
    static let published = Template(key: SHA256.hash(unsafe Array("keyledger checksum v1".utf8).span.bytes).bytes)

    let context: OpaquePointer?
    var isUsable: Bool { unsafe context != nil }

    init(key: [UInt8]) {
        ERR_set_mark()
        defer { ERR_pop_to_mark() }
        guard let algorithm = unsafe EVP_MAC_fetch(nil, "POLY1305", nil) else {
            unsafe context = nil
            return
        }
        defer { unsafe EVP_MAC_free(algorithm) }
        let context = unsafe EVP_MAC_CTX_new(algorithm)
        if unsafe EVP_MAC_init(context, key, key.count, nil) == 1 {
            unsafe self.context = context
        } else {
            unsafe EVP_MAC_CTX_free(context)
            unsafe self.context = nil
        }
    }

    deinit { unsafe EVP_MAC_CTX_free(context) }
}
