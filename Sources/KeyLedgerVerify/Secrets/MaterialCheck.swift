internal import CryptoPrimitives

/// That every key that events speak of is there, and with the master key that it is the one.
struct MaterialCheck {
    private(set) var findings = Findings()
    private(set) var notes: [String] = []

    init(_ material: MaterialBlobs, _ pass: LogPass, _ unsealer: Unsealer?) {
        var known: Set<MaterialBlobs.Name> = [.init(owner: 0, version: 0, kind: .root)]
        let shredded = pass.rules.shredded
        for (tenant, event) in pass.rules.tenants.sorted(by: { $0.value < $1.value }) where !shredded.contains(tenant) {
            for kind in [MaterialBlobs.Kind.tenantKey, .detailsKey] {
                let name = MaterialBlobs.Name(owner: tenant, version: 0, kind: kind)
                known.insert(name)
                if material.wrapped(name) == nil {
                    findings.add(
                        .materialMissing, event: event, "a key of tenant \(TextID(tenant)) is missing or malformed")
                }
            }
        }
        for version in pass.rules.versions {
            guard let generated = version.generated, !shredded.contains(generated.tenant) else { continue }
            known.insert(.init(owner: version.id.key, version: version.id.number, kind: .keyVersion))
            check(version, generated, material, pass, unsealer)
        }
        let orphans = material.blobs.keys.filter { !known.contains($0) }.count
        if orphans > 0 {
            // Material comes before its event, and a crash may have come between them.
            notes.append("\(orphans) pieces of key material are there that no event speaks of yet")
        }
    }

    private mutating func check(
        _ version: RuleCheck.Version, _ generated: (by: UInt64, tenant: UInt128), _ material: MaterialBlobs,
        _ pass: LogPass, _ unsealer: Unsealer?
    ) {
        let subject = "the material of \(version.id)"
        let name = MaterialBlobs.Name(owner: version.id.key, version: version.id.number, kind: .keyVersion)
        guard let blob = material.wrapped(name) else {
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
