internal import CryptoPrimitives
internal import Transparency

/// That every key that events speak of is there, and with the master key that it is the one.
struct MaterialCheck {
    private(set) var findings = Findings()
    private(set) var notes: [String] = []

    init(_ material: MaterialBlobs, _ pass: LogPass, _ unsealer: Unsealer?, origin: String) {
        var known: Set<MaterialBlobs.Name> = [.init(owner: 0, version: 0, kind: MaterialBlobs.Kind.root)]
        for (tenant, event) in pass.rules.tenants.sorted(by: { $0.value < $1.value }) {
            for kind in [MaterialBlobs.Kind.tenantKey, MaterialBlobs.Kind.detailsKey] {
                let name = MaterialBlobs.Name(owner: tenant, version: 0, kind: kind)
                known.insert(name)
                if let isErased = pass.rules.shredded[tenant] {
                    if isErased, material.blobs[name] != nil { restored("a key of tenant \(TextID(tenant))", event) }
                } else if material.wrapped(name) == nil {
                    findings.add(
                        .materialMissing, event: event, "a key of tenant \(TextID(tenant)) is missing or malformed")
                }
            }
        }
        for version in pass.rules.versions {
            guard let generated = version.generated else { continue }
            let name = MaterialBlobs.Name(
                owner: version.id.key, version: version.id.number, kind: MaterialBlobs.Kind.keyVersion)
            known.insert(name)
            let isShredded = pass.rules.shredded[generated.tenant]
            if version.isErased || isShredded == true {
                if material.blobs[name] != nil {
                    findings.add(
                        .materialRestored, event: generated.by, "the material of \(version.id) was erased, and is there"
                    )
                }
            } else if isShredded == nil {
                // Between the intent to shred and its end there may be some of it, or none.
                check(version, generated, material.wrapped(name), pass, unsealer)
            }
        }
        for (version, event) in pass.rules.checkpointKeys.sorted(by: { $0.key < $1.key }) {
            let name = MaterialBlobs.Name(owner: 0, version: version, kind: MaterialBlobs.Kind.checkpointKey)
            known.insert(name)
            checkCheckpointKey(version, event, material.wrapped(name), unsealer, origin)
        }
        if material.halfErasedCount > 0 {
            findings.add(.materialRestored, "\(material.halfErasedCount) erased records are not erased")
        }
        let orphans = material.blobs.keys.filter { !known.contains($0) }.count
        if orphans > 0 {
            // Material comes before its event, and a crash may have come between them.
            notes.append("\(orphans) pieces of key material are there that no event speaks of yet")
        }
    }

    private mutating func restored(_ subject: String, _ event: UInt64) {
        findings.add(.materialRestored, event: event, "\(subject) was erased, and is there")
    }

    private mutating func checkCheckpointKey(
        _ version: UInt32, _ event: (sequence: UInt64, subject: UInt128), _ blob: MaterialBlobs.Wrapped?,
        _ unsealer: Unsealer?, _ origin: String
    ) {
        let subject = "the material of version \(version) of the checkpoint key"
        guard let blob else {
            return findings.add(.materialMissing, event: event.sequence, "\(subject) is missing or malformed")
        }
        if let flaw = unsealer?.flaw(ofCheckpointKey: version, origin: origin, blob) {
            findings.add(.materialForged, event: event.sequence, "\(subject): \(flaw)")
        }
        // The event has the first half of the verifier key's digest.
        guard let name = KeyName(origin), let key = try? unsafe Ed25519.PublicKey(blob.header.span.bytes) else {
            return
        }
        let text = Array(VerifierKey(name: name, algorithm: .ed25519, publicKey: key).description.utf8)
        if unsafe SHA256.hash(text.span.bytes).leadingNumber != event.subject {
            findings.add(
                .publicKeyForged, event: event.sequence,
                "\(subject): the public key is not the one that event \(event.sequence) speaks of")
        }
    }

    private mutating func check(
        _ version: RuleCheck.Version, _ generated: (by: UInt64, tenant: UInt128), _ blob: MaterialBlobs.Wrapped?,
        _ pass: LogPass, _ unsealer: Unsealer?
    ) {
        let subject = "the material of \(version.id)"
        guard let blob else {
            // Between destroying a key and recording that it was erased there is a moment without either.
            if version.isDestroyed { return }
            return findings.add(.materialMissing, event: generated.by, "\(subject) is missing or malformed")
        }
        if let unsealer,
            let flaw = unsealer.flaw(
                ofMaterial: version.id, isEncryption: version.isEncryption, tenant: generated.tenant)
        {
            findings.add(.materialForged, event: generated.by, "\(subject): \(flaw)")
        }
        if !version.isEncryption, let key = pass.generatedKeys[version.id], blob.header.hexadecimal != key {
            findings.add(.publicKeyForged, event: generated.by, "\(subject): the public key is not the one generated")
        }
    }
}
