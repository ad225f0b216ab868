internal import CryptoPrimitives
internal import Ledger
internal import Transparency

/// Key material that came from outside, unwrapped, on its way into custody.
final class ImportedMaterial: Sendable {
    /// The 32 bytes of the key, or the seed.
    let secret: SecretBytes
    /// How it came.
    let details: JSONObject
    /// Uses up the offer it was wrapped for, in the same chain as the event that makes the key.
    let redemption: Transfer?

    init(_ secret: consuming SecretBytes, details: JSONObject, redemption: Transfer?) {
        self.secret = secret
        self.details = details
        self.redemption = redemption
    }
}
