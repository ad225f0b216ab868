internal import CryptoPrimitives
internal import LedgerStore

// Wrapping keys that are given out for one import.
extension Custody {
    /// Makes a key pair for an import and stores its private half wrapped under the tenant's key.
    func createImportKey(
        for offer: EventID, tenant: TenantID, bitCount: Int
    ) throws(KeyStoreError) -> RSAOAEP.PublicKey {
        let wrapping = try secrets(of: tenant)
        let context = Self.context(of: offer, tenant).bytes
        let publicKey: RSAOAEP.PublicKey
        let blob: WrappedBlob
        do throws(CryptoError) {
            let key = try RSAOAEP.PrivateKey(bitCount: bitCount)
            publicKey = key.publicKey
            blob = WrappedBlob(
                box: try key.withDER { (der: RawSpan) throws(CryptoError) in
                    try wrapping.wrapping.seal(der, authenticating: unsafe context.span.bytes)
                })
        } catch {
            throw .crypto(error)
        }
        try put([(.importKey(offer), blob.bytes)])
        return publicKey
    }

    /// The private half of the key pair for an import.
    func importKey(for offer: EventID, tenant: TenantID) throws(KeyStoreError) -> RSAOAEP.PrivateKey {
        let subject = "the wrapping key of import \(offer)"
        let blob = try blob(.importKey(offer), subject)
        let wrapping = try secrets(of: tenant)
        let context = Self.context(of: offer, tenant).bytes
        do throws(CryptoError) {
            return try RSAOAEP.PrivateKey(
                der: try wrapping.wrapping.open(
                    unsafe blob.box.span.bytes, authenticating: unsafe context.span.bytes))
        } catch {
            throw Self.unusable(subject, error)
        }
    }

    /// Erases the private half: it has served.
    func eraseImportKey(for offer: EventID) throws(KeyStoreError) {
        try KeyStoreError.store { () throws(StoreError) in try material.erase([.importKey(offer)]) }
    }

    private static func context(of offer: EventID, _ tenant: TenantID) -> WrapContext {
        context(of: tenant, purpose: "import").with("offer", offer.description)
    }
}
