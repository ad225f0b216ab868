internal import CryptoPrimitives
internal import Ledger

extension KeyHandle {
    /// Hands out the material of a version: an AES key as its 32 bytes, an Ed25519 key as PKCS #8, protected as asked for.
    ///
    /// Only of keys that were created exportable, which the ledger enforces: the export is a debit of an account to which
    /// only the creation gave credit. The event is on disk before a byte leaves, and says who got it and how.
    ///
    /// - Throws: ``KeyStoreError/notExportable(key:)``, and ``KeyStoreError/wrongState(operation:key:version:state:destruction:)``
    ///   for a compromised or destroyed version and one whose destruction is scheduled; each refusal is recorded.
    public func export(
        version number: UInt32? = nil, protectedBy protection: ExportProtection
    ) async throws(KeyStoreError) -> [UInt8] {
        let version = try await version(number)
        let use = Use(id: try store.newEventID(), details: protection.details)
        do throws(KeyStoreError) {
            let work = Work { (material, _) throws(KeyStoreError) in
                do throws(CryptoError) {
                    return try protection.protect(try KeyEncoding.encode(material))
                } catch {
                    throw .crypto(error)
                }
            }
            return try await self.use(.export, version, [use], work).outcomes[0]
        } catch .refused(operation: .export, _, .exceedsCredits) {
            throw .notExportable(key: name.description)
        } catch .refused(_, _, .debitAccountAlreadyClosed) {
            throw wrongState(.export, version)
        }
    }
}
