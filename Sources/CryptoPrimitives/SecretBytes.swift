internal import COpenSSL

/// Bytes nobody else may see: kept in OpenSSL's secure heap (locked into memory where the system allows it,
/// guarded by unmapped pages, left out of core dumps), wiped when the value ends, and never copied implicitly.
///
/// While OpenSSL works with a secret (an AES key schedule, a signature, scrypt) it has a copy in the ordinary heap, which
/// it wipes before the call returns. What passes through registers can reach the stack: the dynamic linker saves them on
/// the first call of each C function, unless the program is linked with `-z now`.
///
/// Has no description, no equality operator and no encoding. Compare with ``isEqual(to:)``.
///
/// Sendable: the memory is written only while the value is being initialised and read only afterwards.
@safe public struct SecretBytes: ~Copyable, @unchecked Sendable {
    private let base: UnsafeMutableRawPointer
    /// The number of bytes.
    public let count: Int

    /// Whether the operating system keeps the secure heap out of swap (`mlock`); it may refuse a process with
    /// a small `RLIMIT_MEMLOCK`.
    public static var isMemoryLocked: Bool { SecureHeap.shared.isLocked }

    /// Reserves `count` bytes and lets `initialize` fill them.
    ///
    /// - Throws: ``CryptoError/secureMemoryExhausted``, or what `initialize` throws; then nothing is kept.
    public init(
        count: Int, initializingWith initialize: (inout MutableRawSpan) throws(CryptoError) -> Void
    ) throws(CryptoError) {
        precondition(count >= 0, "a number of bytes")
        let base = unsafe try SecureHeap.shared.allocate(count)
        do throws(CryptoError) {
            let buffer = unsafe UnsafeMutableRawBufferPointer(start: base, count: count)
            var span = unsafe buffer.mutableBytes
            try initialize(&span)
        } catch {
            unsafe SecureHeap.free(base, count)
            throw error
        }
        unsafe self.base = base
        self.count = count
    }

    /// `count` bytes from OpenSSL's generator for private values (SP 800-90A).
    public init(randomCount count: Int) throws(CryptoError) {
        try self.init(count: count) { (span: inout MutableRawSpan) throws(CryptoError) in
            try fillRandomly(&span, asSecret: true)
        }
    }

    /// A copy of bytes that are elsewhere; wiping the original is up to its owner.
    public init(copying bytes: RawSpan) throws(CryptoError) {
        try self.init(count: bytes.byteCount) { (span: inout MutableRawSpan) throws(CryptoError) in
            unsafe span.withUnsafeMutableBytes { destination in
                unsafe bytes.withUnsafeBytes { unsafe destination.copyMemory(from: $0) }
            }
        }
    }

    deinit { unsafe SecureHeap.free(base, count) }

    /// Runs `body` with the bytes in place. Do not copy them into memory that is not wiped.
    public borrowing func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(unsafe UnsafeRawBufferPointer(start: base, count: count).bytes)
    }

    /// Whether two secrets are the same, in time that depends only on their lengths.
    public borrowing func isEqual(to other: borrowing SecretBytes) -> Bool {
        unsafe count == other.count && CRYPTO_memcmp(base, other.base, count) == 0
    }
}

/// OpenSSL's secure heap, set up once for the process.
@safe struct SecureHeap: Sendable {
    fileprivate static let shared = SecureHeap()

    /// One arena for all secrets of the process, a power of two: room for 262,144 keys of 32 bytes. As much as Linux
    /// lets a process lock unless told otherwise (`RLIMIT_MEMLOCK`, 8 MiB since version 5.16): one byte more, and none of
    /// it would be locked.
    private static let arenaByteCount = 8 << 20
    /// The smallest block it hands out: a key.
    private static let blockByteCountMin = 32
    fileprivate let isLocked: Bool
    private let isReady: Bool

    private init() {
        // 1: ready and locked. 2: ready, but the system refused to lock it. 0: refused, or set up before.
        let result = CRYPTO_secure_malloc_init(Self.arenaByteCount, Self.blockByteCountMin)
        isLocked = result == 1
        isReady = CRYPTO_secure_malloc_initialized() == 1
    }

    /// Whether not even a page is left, which is what OpenSSL's own generators may need.
    static var isFull: Bool {
        do throws(CryptoError) {
            unsafe free(try shared.allocate(4096), 4096)
            return false
        } catch {
            return true
        }
    }

    fileprivate static func free(_ pointer: UnsafeMutableRawPointer, _ count: Int) {
        unsafe CRYPTO_secure_clear_free(pointer, max(count, 1), "SecretBytes", 0)
    }

    fileprivate func allocate(_ count: Int) throws(CryptoError) -> UnsafeMutableRawPointer {
        // Without an arena OpenSSL would fall back to the ordinary heap.
        guard isReady, let pointer = unsafe CRYPTO_secure_zalloc(max(count, 1), "SecretBytes", 0) else {
            throw .secureMemoryExhausted
        }
        return unsafe pointer
    }
}
