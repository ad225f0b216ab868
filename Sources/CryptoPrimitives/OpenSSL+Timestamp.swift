internal import COpenSSL
internal import Glibc

// The calls into OpenSSL's RFC 3161 interface.

/// A `TimeStampReq` in DER. Its length is fixed, so it is written rather than encoded.
func timestampQuery(digest: SHA256Digest, nonce: [UInt8]) throws(CryptoError) -> [UInt8] {
    guard nonce.count == 8 else { throw .invalidParameter(reason: "a nonce has 8 bytes") }
    // A positive integer in the shortest form begins with neither a sign bit nor a zero byte.
    let positive = [nonce[0] & 0x7F | 0x40] + nonce.dropFirst()
    let sha256: [UInt8] = [
        0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    ]
    let imprint = [0x30, 0x31] + sha256 + [0x04, 0x20] + digest.bytes
    let (version, certificateRequested): ([UInt8], [UInt8]) = ([0x02, 0x01, 0x01], [0x01, 0x01, 0xFF])
    return [0x30, 0x43] + version + imprint + [0x02, 0x08] + positive + certificateRequested
}

/// Verifies a `TimeStampResp` in DER over a digest.
func verifyTimestamp(
    _ reply: [UInt8], digest: SHA256Digest, query: [UInt8]?, authority: [UInt8]
) throws(TimestampError) -> VerifiedTimestamp {
    let result = keepingErrorQueue {
        Result { () throws(TimestampError) in
            try TimestampReply(reply).verify(digest: digest, query: query, authority: authority)
        }
    }
    return try result.get()
}

/// A parsed reply.
@safe private struct TimestampReply: ~Copyable {
    private let handle: OpaquePointer

    init(_ bytes: [UInt8]) throws(TimestampError) {
        let parsed: (handle: OpaquePointer?, isWhole: Bool) = unsafe bytes.withUnsafeBufferPointer { buffer in
            var pointer = buffer.baseAddress
            let handle = unsafe d2i_TS_RESP(nil, &pointer, buffer.count)
            return unsafe (handle, pointer == buffer.baseAddress.map { unsafe $0 + buffer.count })
        }
        guard let handle = unsafe parsed.handle else { throw .malformed }
        guard unsafe parsed.isWhole else {
            unsafe TS_RESP_free(handle)
            throw .malformed
        }
        unsafe self.handle = handle
    }

    deinit { unsafe TS_RESP_free(handle) }

    borrowing func verify(
        digest: SHA256Digest, query: [UInt8]?, authority: [UInt8]
    ) throws(TimestampError) -> VerifiedTimestamp {
        try requireGranted()
        // It belongs to the reply.
        guard let info = unsafe TS_RESP_get_tst_info(handle) else { throw .malformed }
        let genTime = try unsafe Self.seconds(TS_TST_INFO_get_time(info))
        guard unsafe Self.isSHA256(TS_TST_INFO_get_msg_imprint(info)) else { throw .otherBytes }
        if let query { try unsafe Self.requireAnswer(info, to: query, digest) }
        try verifySignature(digest, try CertificateStore(pem: authority, time: genTime))
        return unsafe VerifiedTimestamp(
            genTime: UInt64(genTime), policy: Self.text(of: TS_TST_INFO_get_policy_id(info)),
            serialNumber: Self.bytes(of: TS_TST_INFO_get_serial(info)).hexadecimal)
    }

    /// PKIStatus granted (0) or grantedWithMods (1).
    private borrowing func requireGranted() throws(TimestampError) {
        guard let status = unsafe TS_RESP_get_status_info(handle),
            let number = unsafe TS_STATUS_INFO_get0_status(status)
        else { throw .malformed }
        let value = unsafe ASN1_INTEGER_get(number)
        guard value == 0 || value == 1 else { throw .notGranted(reason: "status \(value)") }
    }

    private borrowing func verifySignature(
        _ digest: SHA256Digest, _ store: borrowing CertificateStore
    ) throws(TimestampError) {
        guard let context = unsafe TS_VERIFY_CTX_new() else { throw .crypto(.backend(operation: "TS_VERIFY_CTX_new")) }
        defer { unsafe TS_VERIFY_CTX_free(context) }
        // The context frees both, the imprint with OpenSSL's own allocator.
        unsafe TS_VERIFY_CTX_set_store(context, store.shared())
        guard let imprint = unsafe CRYPTO_malloc(SHA256Digest.byteCount, nil, 0) else {
            throw .crypto(.backend(operation: "CRYPTO_malloc"))
        }
        digest.withBytes { bytes in
            unsafe bytes.withUnsafeBytes {
                unsafe imprint.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(imprint), byteCount: $0.count)
            }
        }
        unsafe TS_VERIFY_CTX_set_imprint(
            context, imprint.assumingMemoryBound(to: UInt8.self), SHA256Digest.byteCount)
        unsafe TS_VERIFY_CTX_set_flags(context, Int32(TS_VFY_VERSION | TS_VFY_IMPRINT | TS_VFY_SIGNATURE))
        guard unsafe TS_RESP_verify_response(context, handle) == 1 else {
            let error = ERR_peek_last_error()
            if Int32(truncatingIfNeeded: error & 0x7F_FFFF) == TS_R_MESSAGE_IMPRINT_MISMATCH { throw .otherBytes }
            let reason = unsafe ERR_reason_error_string(error).map { unsafe String(cString: $0) }
            throw .notTrusted(reason: reason ?? "unknown")
        }
    }

    /// The request's digest is the one expected, and its nonce came back.
    private static func requireAnswer(
        _ info: OpaquePointer, to query: [UInt8], _ digest: SHA256Digest
    ) throws(TimestampError) {
        let request = unsafe query.withUnsafeBufferPointer { buffer in
            var pointer = buffer.baseAddress
            return unsafe d2i_TS_REQ(nil, &pointer, buffer.count)
        }
        guard let request = unsafe request else { throw .malformed }
        defer { unsafe TS_REQ_free(request) }
        guard let imprint = unsafe TS_REQ_get_msg_imprint(request), unsafe isSHA256(imprint),
            let message = unsafe TS_MSG_IMPRINT_get_msg(imprint), unsafe bytes(of: message) == digest.bytes
        else { throw .otherRequest }
        switch unsafe (TS_REQ_get_nonce(request), TS_TST_INFO_get_nonce(info)) {
        case (nil, _): return
        case (let sent?, let returned?):
            guard unsafe ASN1_INTEGER_cmp(sent, returned) == 0 else { throw .otherRequest }
        default: throw .otherRequest
        }
    }

    private static func isSHA256(_ imprint: OpaquePointer?) -> Bool {
        guard let imprint = unsafe imprint, let algorithm = unsafe TS_MSG_IMPRINT_get_algo(imprint) else {
            return false
        }
        var identifier: OpaquePointer?
        unsafe X509_ALGOR_get0(&identifier, nil, nil, algorithm)
        return unsafe OBJ_obj2nid(identifier) == NID_sha256
    }

    private static func seconds(_ time: UnsafePointer<ASN1_GENERALIZEDTIME>?) throws(TimestampError) -> time_t {
        var parts = unsafe tm()
        guard let time = unsafe time, unsafe ASN1_TIME_to_tm(time, &parts) == 1 else { throw .malformed }
        let seconds = unsafe timegm(&parts)
        guard seconds >= 0 else { throw .malformed }
        return seconds
    }

    private static func text(of identifier: OpaquePointer?) -> String {
        var buffer = [CChar](repeating: 0, count: 128)
        let count = unsafe OBJ_obj2txt(&buffer, Int32(buffer.count), identifier, 1)
        return String(
            decoding: buffer.prefix(max(0, min(Int(count), buffer.count - 1))).map(UInt8.init(bitPattern:)),
            as: UTF8.self)
    }

    private static func bytes(of string: UnsafePointer<ASN1_STRING>?) -> [UInt8] {
        guard let string = unsafe string, let data = unsafe ASN1_STRING_get0_data(string) else { return [] }
        return unsafe Array(UnsafeBufferPointer(start: data, count: Int(ASN1_STRING_length(string))))
    }
}

/// Certificates to trust, judged as of one time.
@safe private struct CertificateStore: ~Copyable {
    private let handle: OpaquePointer

    init(pem: [UInt8], time: time_t) throws(TimestampError) {
        guard let handle = unsafe X509_STORE_new() else { throw .crypto(.backend(operation: "X509_STORE_new")) }
        guard unsafe Self.add(pem, to: handle) > 0 else {
            unsafe X509_STORE_free(handle)
            throw .invalidCertificates
        }
        unsafe X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(handle), time)
        unsafe self.handle = handle
    }

    deinit { unsafe X509_STORE_free(handle) }

    /// The certificates for somebody else who will let go of them.
    borrowing func shared() -> OpaquePointer {
        unsafe X509_STORE_up_ref(handle)
        return unsafe handle
    }

    /// Adds all certificates of a file, and says how many there were.
    private static func add(_ pem: [UInt8], to store: OpaquePointer) -> Int {
        unsafe pem.withUnsafeBytes { bytes in
            guard let file = unsafe BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else { return 0 }
            defer { unsafe BIO_free(file) }
            var count = 0
            // The callback answers for a passphrase, which OpenSSL would ask for on the terminal.
            while let certificate = unsafe PEM_read_bio_X509(file, nil, { _, _, _, _ in -1 }, nil) {
                if unsafe X509_STORE_add_cert(store, certificate) == 1 { count += 1 }
                unsafe X509_free(certificate)
            }
            return count
        }
    }
}
