import ArgumentParser
import CryptoPrimitives
import FoundationEssentials
import KeyLedger
import Transparency

/// `name=value`, as it is authenticated with a ciphertext.
struct ContextOption: ParsableArguments {
    @Option(
        name: .long,
        help: .init(
            "Authenticated with the ciphertext and recorded, not secret. May be repeated.", valueName: "name=value"))
    var context: [String] = []

    func values() throws -> [String: String] {
        var values: [String: String] = [:]
        for entry in context {
            guard let border = entry.firstIndex(of: "="), border > entry.startIndex else {
                throw ValidationError("A context is name=value, not \(entry.debugDescription).")
            }
            let name = String(entry[..<border])
            guard values.updateValue(String(entry[entry.index(after: border)...]), forKey: name) == nil else {
                throw ValidationError("The context \(name) is given twice.")
            }
        }
        return values
    }
}

struct Encrypt: Command {
    static let configuration = CommandConfiguration(
        abstract: "Encrypt a file with a tenant's key.",
        discussion: """
            Prints the envelope in base64. It names tenant, key and version; the context must be the same to decrypt.

              keyledger encrypt --tenant acme --key pii \\
                --context purpose=export report.csv > report.enc

            With --json: envelope in base64, tenant, key.
            """)

    @OptionGroup var options: StoreOptions
    @OptionGroup var context: ContextOption
    @Option(name: .long, help: "Whose key encrypts.") var tenant: String
    @Option(name: .long, help: "The key's name.") var key: String
    @Argument(help: "What to encrypt; - is standard input.") var file = "-"

    func perform() async throws {
        let plaintext = try readInput(file)
        let context = try context.values()
        let envelope = try await options.withStore { store in
            try await store.tenant(tenant).encryptionKey(key).encrypt(plaintext, context: context)
        }
        let text = Data(envelope).base64EncodedString()
        try Terminal.print(
            options.ledger.json
                ? line(["envelope": .string(text), "tenant": .string(tenant), "key": .string(key)]) : text)
    }
}

struct Decrypt: Command {
    static let configuration = CommandConfiguration(
        abstract: "Decrypt an envelope with a tenant's key.",
        discussion: """
            Writes the plaintext as it is.

              keyledger decrypt --tenant acme --key pii \\
                --context purpose=export report.enc > report.csv

            With --json: plaintext in base64.
            """)

    @OptionGroup var options: StoreOptions
    @OptionGroup var context: ContextOption
    @Option(name: .long, help: "Whose key decrypts.") var tenant: String
    @Option(name: .long, help: "The key's name.") var key: String
    @Argument(help: "The envelope in base64; - is standard input.") var file = "-"

    func perform() async throws {
        let text = try readInput(file).filter { !" \n\r\t".utf8.contains($0) }
        guard let envelope = Data(base64Encoded: Data(text)).map({ [UInt8]($0) }) else {
            throw KeyStoreError.malformedEnvelope(reason: "it is not base64")
        }
        let context = try context.values()
        try await options.withStore { store in
            let plaintext = try await store.tenant(tenant).encryptionKey(key).decrypt(envelope, context: context)
            try plaintext.withBytes { (plaintext: RawSpan) throws in
                if options.ledger.json {
                    try Terminal.print(line(["plaintext": .string(Data(plaintext.array).base64EncodedString())]))
                } else {
                    try Terminal.write(plaintext)
                }
            }
        }
    }
}
