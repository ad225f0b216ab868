public import CryptoPrimitives
internal import Transparency

/// What surrounds a span in its line, as SHA-256 digests of canonical JSON: a span's meaning depends on the resource
/// and the scope that emitted it, so its signature covers them. Digests, because hundreds of spans share them.
public struct SpanSurroundings: Hashable, Sendable {
    /// The request without its `resourceSpans`.
    public let request: SHA256Digest
    /// The entry of `resourceSpans` without its `scopeSpans`: resource and schema.
    public let resource: SHA256Digest
    /// The entry of `scopeSpans` without its `spans`: scope and schema.
    public let scope: SHA256Digest

    /// Surroundings with these digests.
    public init(request: SHA256Digest, resource: SHA256Digest, scope: SHA256Digest) {
        self.request = request
        self.resource = resource
        self.scope = scope
    }
}

extension JSONObject {
    /// The digest of ``JSONValue/exactCanonical()`` of this object without the member that holds its children.
    func exactDigest(without children: String) throws(JSONError) -> SHA256Digest {
        var rest = self
        rest.remove(children)
        let canonical = try JSONValue.object(rest).exactCanonical()
        return SHA256.hash(unsafe canonical.span.bytes)
    }
}
