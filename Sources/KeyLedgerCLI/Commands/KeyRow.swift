import CryptoPrimitives
import FoundationEssentials
import KeyLedger
import Transparency

/// A key as lists show it.
struct KeyRow {
    let id: KeyID
    let name: String
    let tenant: String
    let record: LedgerProjection.KeyRecord
    /// By version.
    let publicKeys: [UInt32: Ed25519.PublicKey]

    init(_ id: KeyID, _ view: LedgerView) throws {
        guard let record = view.projection.keys[id] else { throw Failure("there is no key \(id).", .refused) }
        self.id = id
        self.record = record
        name = try view.name(of: id)
        tenant = try view.name(of: record.tenant)
        publicKeys = try view.publicKeys(of: id)
    }

    /// Finds a key by the names its events carry.
    init(named name: String, tenant: String, _ view: LedgerView) throws {
        var isKnownTenant = false
        for (id, record) in view.projection.keys where try view.name(of: record.tenant) == tenant {
            isKnownTenant = true
            if try view.name(of: id) == name {
                try self.init(id, view)
                return
            }
        }
        isKnownTenant = try isKnownTenant || view.projection.tenants.keys.contains { try view.name(of: $0) == tenant }
        throw isKnownTenant ? KeyStoreError.unknownKey(tenant: tenant, key: name) : KeyStoreError.unknownTenant(tenant)
    }

    /// The state of the version that is meant when none is named.
    var state: String { record.versions[Int(record.currentVersion) - 1].description }

    static let headings = ["TENANT", "KEY", "ALGORITHM", "VERSION", "STATE", "USES", "ACTIVE SINCE", "ID"]
    var cells: [String] {
        let uses = record.versions.reduce(UInt64(0)) { $0 + $1.usage.sign + $1.usage.encrypt }
        return [
            tenant, name, record.algorithm.description, String(record.currentVersion), state, uses.grouped,
            record.versions.last.map { Time(nanoseconds: $0.activatedAt).description } ?? "", id.description,
        ]
    }

    static let versionHeadings = [
        "VERSION", "STATE", "ORIGIN", "PROTECTED", "PROCESSED", "BUDGET", "SINCE", "PUBLIC KEY",
    ]
    var versionCells: [[String]] {
        record.versions.enumerated().map { index, version in
            [
                String(index + 1), version.description + (version.isOverdue ? " (overdue)" : ""),
                version.origin + (version.isExportable ? ", exportable" : ""),
                (version.usage.sign + version.usage.encrypt).grouped,
                (version.usage.verify + version.usage.decrypt).grouped, version.budget.map { $0.grouped } ?? "no limit",
                Time(nanoseconds: version.activatedAt).description,
                publicKeys[UInt32(index + 1)].map { Data($0.bytes).base64EncodedString() } ?? "none",
            ]
        }
    }

    var json: JSONObject {
        var object: JSONObject = [
            "tenant": .string(tenant), "key": .string(name), "keyId": .string(id.description),
            "algorithm": .string(record.algorithm.description),
        ]
        object["versions"] = .array(
            record.versions.enumerated().map { index, version in
                var row: JSONObject = [
                    "version": KeyLedgerCLI.json(index + 1), "state": .string(version.state.description),
                ]
                row["activated"] = .string(Time(nanoseconds: version.activatedAt).description)
                row["origin"] = .string(version.origin)
                row["exportable"] = .bool(version.isExportable)
                row["overdue"] = .bool(version.isOverdue)
                row["usage"] = .object(version.usage.json)
                if let budget = version.budget { row["budget"] = KeyLedgerCLI.json(budget) }
                if let destruction = version.destruction {
                    row["destruction"] = [
                        "due": .string(Time(nanoseconds: destruction.dueAt).description),
                        "isDue": .bool(destruction.isDue),
                    ]
                }
                if version.state == .destroyed { row["erased"] = .bool(version.isErased) }
                if let key = publicKeys[UInt32(index + 1)] {
                    row["publicKey"] = .string(Data(key.bytes).base64EncodedString())
                }
                return .object(row)
            })
        return object
    }
}

extension LedgerProjection.VersionRecord {
    fileprivate var origin: String { isImported ? "imported" : "generated" }

    /// The state, and what is coming.
    fileprivate var description: String {
        if state == .preActivation { return "\(state) until \(Time(nanoseconds: activatedAt))" }
        guard let destruction else { return state.description }
        return "\(state), destruction \(destruction.isDue ? "due" : "on \(Time(nanoseconds: destruction.dueAt))")"
    }
}

/// A key in DER as OpenSSL reads it in PEM (RFC 7468).
func pem(_ der: [UInt8]) -> String {
    let digits = Array(Data(der).base64EncodedString())
    let lines = stride(from: 0, to: digits.count, by: 64).map { String(digits[$0..<min($0 + 64, digits.count)]) }
    return (["-----BEGIN PUBLIC KEY-----"] + lines + ["-----END PUBLIC KEY-----"]).joined(separator: "\n")
}

extension Ed25519.PublicKey {
    /// SubjectPublicKeyInfo (RFC 8410, section 4) in PEM.
    var pem: String {
        KeyLedgerCLI.pem([0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00] + bytes)
    }
}
