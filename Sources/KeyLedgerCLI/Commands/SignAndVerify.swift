import ArgumentParser
import CryptoPrimitives
import FoundationEssentials
import KeyLedger
import LedgerStore
import Transparency

struct Sign: Command {
    static let configuration = CommandConfiguration(
        abstract: "Sign a file with a tenant's key.",
        discussion: """
            Prints the signature in base64; where its event is goes to standard error.

              keyledger sign --tenant acme --key claims contract.pdf > contract.sig
              echo hello | keyledger sign --tenant acme --key claims --json

            With --json: signature in base64, algorithm, tenant, key, version, event (its id), sequence (its number).
            """)

    @OptionGroup var options: StoreOptions
    @Option(name: .long, help: "Whose key signs.") var tenant: String
    @Option(name: .long, help: "The key's name.") var key: String
    @Argument(help: "What to sign; - is standard input.") var file = "-"

    func perform() async throws {
        let message = try readInput(file)
        let signature = try await options.withStore { store in
            try await store.tenant(tenant).signingKey(key).sign(message)
        }
        let text = Data(signature.bytes).base64EncodedString()
        if options.ledger.json {
            try Terminal.print(
                line([
                    "signature": .string(text), "algorithm": "Ed25519", "tenant": .string(tenant), "key": .string(key),
                    "version": json(signature.version), "event": .string(signature.event.description),
                    "sequence": json(signature.sequence),
                ]))
        } else {
            try Terminal.print(text)
            Terminal.note(
                "Signed by \(tenant)/\(key) version \(signature.version), event \(signature.sequence) (\(signature.event))."
            )
        }
    }
}

struct Verify: Command {
    static let configuration = CommandConfiguration(
        abstract: "Verify the whole ledger, or a signature.",
        discussion: """
            Without --signature: recomputes everything in the log from its bytes and says what is not as it was \
            committed; with the master key it also opens all details and all key material.

              keyledger verify

            With --signature: checks a signature. With --tenant and --key that is an event; with --public-key it \
            takes neither ledger nor master key.

              keyledger verify --signature "$(cat contract.sig)" \\
                --tenant acme --key claims contract.pdf
              keyledger verify --signature "$(cat contract.sig)" \\
                --public-key BASE64 contract.pdf

            With --json: intact, events, blocks, rootHash, findings (finding, event); of a signature: valid.
            """)

    @OptionGroup var options: StoreOptions
    @Option(name: .long, help: .init("A signature in base64.", valueName: "base64")) var signature: String?
    @Option(name: .long, help: "Whose key signed.") var tenant: String?
    @Option(name: .long, help: "The key's name.") var key: String?
    @Option(name: .long, help: .init("The version that signed. Default: any.", valueName: "number"))
    var keyVersion: UInt32?
    @Option(name: .long, help: .init("A public key in base64: no ledger is needed.", valueName: "base64"))
    var publicKey: String?
    @Argument(help: "What was signed; - is standard input.") var file = "-"

    func validate() throws {
        if signature == nil, tenant != nil || key != nil || publicKey != nil || keyVersion != nil || file != "-" {
            throw ValidationError("To verify a signature, give it with --signature.")
        }
        if signature != nil, publicKey == nil, tenant == nil || key == nil {
            throw ValidationError("Say whose signature it is: --tenant and --key, or --public-key.")
        }
    }

    func perform() async throws {
        guard let signature else { return try verifyLedger() }
        guard let bytes = Data(base64Encoded: signature).map({ [UInt8]($0) }) else {
            throw Failure("the signature is not base64.", .refused)
        }
        let message = try readInput(file)
        let isValid =
            if let publicKey { try verify(bytes, message, publicKey) } else { try await verifyAsEvent(bytes, message) }
        if options.ledger.json {
            try Terminal.print(line(["valid": .bool(isValid)]))
        } else if isValid {
            try Terminal.print("The signature is valid.")
        }
        guard isValid else {
            throw Failure("the signature is not valid: it belongs to another message, key or version.", .checkFailed)
        }
    }

    private func verify(_ signature: [UInt8], _ message: [UInt8], _ text: String) throws -> Bool {
        guard let bytes = Data(base64Encoded: text).map({ [UInt8]($0) }) else {
            throw Failure("the public key is not base64.", .refused)
        }
        let key = try Ed25519.PublicKey(unsafe bytes.span.bytes)
        return key.isValidSignature(unsafe signature.span.bytes, for: unsafe message.span.bytes)
    }

    private func verifyAsEvent(_ signature: [UInt8], _ message: [UInt8]) async throws -> Bool {
        guard let tenant, let key else { return false }
        return try await options.withStore { store in
            let signer = try await store.tenant(tenant).signingKey(key)
            let versions =
                if let keyVersion { [keyVersion] } else {
                    signer.handle.record?.versionsToTry ?? [1]
                }
            for version in versions where try await signer.verify(signature, of: message, version: version) {
                return true
            }
            return false
        }
    }

    private func verifyLedger() throws {
        let result = try verification()
        if options.ledger.json {
            try Terminal.print(line(result.json))
        } else if result.findings.isEmpty {
            try Terminal.print(
                """
                The log is intact: \(result.eventCount.grouped) events in \(result.blockCount.grouped) blocks.
                \(!options.masterKey.isGiven
                    ? "Details and key material were not opened: that takes the master key."
                    : "All details and all key material open and belong where they are.")
                root hash  \(result.rootHash)
                """)
        } else {
            for finding in result.findings.prefix(Complaints.countMax) {
                try Terminal.print("\(finding.sequence.map { "event \($0): " } ?? "")\(finding.description)")
            }
            if result.findings.count > Complaints.countMax {
                try Terminal.print("… and \((result.findings.count - Complaints.countMax).grouped) more.")
            }
        }
        guard result.findings.isEmpty else {
            throw Failure(
                "the ledger is not as it was committed; the log is up to event \(result.eventCount.grouped).",
                .checkFailed)
        }
    }

    private func verification() throws -> LogVerification {
        let bar = ProgressBar("verifying", unit: "events")
        defer { bar.finish() }
        if !options.masterKey.isGiven {
            return try LogVerification(LedgerReader(LedgerFolder(path: options.ledger.path))) { bar.update($0, of: $1) }
        }
        let audit = try AuditReader(options.ledger.path, masterKey: try options.masterKey.read(for: options.ledger))
        return try LogVerification(audit) { bar.update($0, of: $1) }
    }
}

extension LogVerification {
    var json: JSONObject {
        [
            "intact": .bool(findings.isEmpty), "events": KeyLedgerCLI.json(eventCount),
            "blocks": KeyLedgerCLI.json(blockCount), "rootHash": .string(rootHash.description),
            "findings": .array(
                findings.map { finding in
                    var object: JSONObject = ["finding": .string(finding.description)]
                    if let sequence = finding.sequence { object["event"] = KeyLedgerCLI.json(sequence) }
                    return .object(object)
                }),
        ]
    }
}

extension LedgerProjection.KeyRecord {
    /// The versions that may have made a signature and still verify, newest first; the newest, to be refused, if there is none.
    fileprivate var versionsToTry: [UInt32] {
        let usable = versions.indices.filter { versions[$0].state.processes && versions[$0].destruction == nil }
        return usable.isEmpty ? [currentVersion] : usable.reversed().map { UInt32($0 + 1) }
    }
}
