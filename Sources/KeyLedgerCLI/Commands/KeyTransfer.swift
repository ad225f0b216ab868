import ArgumentParser
import CryptoPrimitives
import FoundationEssentials
import Glibc
import KeyLedger
import Transparency

extension KeyCommand {
    struct ImportParameters: Command {
        static let configuration = CommandConfiguration(
            commandName: "import-parameters", abstract: "Make a public key to wrap a key with for import.",
            discussion: """
                Prints an RSA public key in PEM; the offer's id, which the import has to name, goes to standard error. \
                Good for one import within 24 hours.

                  keyledger key import-parameters --tenant acme > wrap.pem
                  openssl pkeyutl -encrypt -pubin -inkey wrap.pem -pkeyopt rsa_padding_mode:oaep \\
                    -pkeyopt rsa_oaep_md:sha256 -in key.bin -out wrapped.bin
                  keyledger key import --tenant acme --type aes-256 pii --offer ID wrapped.bin

                With --json: offer, publicKey (PEM), expires.
                """)

        @OptionGroup var options: StoreOptions
        @Option(name: .long, help: "Who will import.") var tenant: String
        @Option(name: .long, help: .init("The size of the RSA key: 3072 or 4096.", valueName: "bits")) var bits = 3072

        func perform() async throws {
            let offer = try await options.withStore { store in
                try await store.tenant(tenant).offerImport(bitCount: bits)
            }
            let expiry = Time(nanoseconds: offer.expiresAt)
            if options.ledger.json {
                try Terminal.print(
                    line([
                        "offer": .string(offer.id.description), "publicKey": .string(pem(offer.publicKey.der) + "\n"),
                        "expires": .string(expiry.description),
                    ]))
            } else {
                try Terminal.print(pem(offer.publicKey.der))
                Terminal.note("Offer \(offer.id), good for one import until \(expiry).")
            }
        }
    }

    struct Import: Command {
        static let configuration = CommandConfiguration(
            abstract: "Make a key out of material from elsewhere.",
            discussion: """
                AES-256: 32 bytes. Ed25519: a seed of 32 bytes, or PKCS #8 in DER. The file has these bytes wrapped: \
                for an offer of `keyledger key import-parameters` with RSA-OAEP and SHA-256, or under an AES-256 key \
                that both sides have with AES-KWP (RFC 5649).

                  keyledger key import --tenant acme --type aes-256 pii --offer ID wrapped.bin
                  keyledger key import --tenant acme claims --wrapping-key shared.bin wrapped.bin
                  keyledger key import --tenant acme claims --allow-cleartext key.der

                With --json: as `keyledger key list`.
                """)

        @OptionGroup var options: StoreOptions
        @Option(name: .long, help: "Whose key it becomes.") var tenant: String
        @Option(name: .long, help: "ed25519 signs, aes-256 encrypts.") var type = KeyType.ed25519
        @OptionGroup var policy: PolicyOptions
        @Option(name: .long, help: .init("The offer it was encrypted for.", valueName: "id")) var offer: String?
        @Option(name: .long, help: .init("The file with the 32 bytes it was wrapped under.", valueName: "file"))
        var wrappingKey: String?
        @Flag(name: .long, help: "The file has the key itself: whatever it came through has seen it.")
        var allowCleartext = false
        @Argument(help: "The key's name, unique within the tenant.") var name: String
        @Argument(help: "The wrapped key; - is standard input.") var file = "-"

        func validate() throws {
            guard [offer != nil, wrappingKey != nil, allowCleartext].count(where: { $0 }) == 1 else {
                throw ValidationError(
                    "Say how the key is wrapped: with --offer or --wrapping-key; or --allow-cleartext if it is not.")
            }
            if let offer, EventID(offer) == nil { throw ValidationError("\(offer) is not the id of an offer.") }
        }

        func perform() async throws {
            let incoming = try incoming()
            let row = try await options.withStore { store in
                let handle = try await store.tenant(tenant).importKey(
                    name, type.algorithm, incoming, policy: policy.policy)
                return try KeyRow(handle.id, try LedgerView(store.audit))
            }
            try Terminal.print(
                options.ledger.json
                    ? line(row.json)
                    : "Imported \(row.record.algorithm) key \(name) of \(tenant) (\(row.id)), version 1.")
        }

        private func incoming() throws -> IncomingKey {
            if let offer = offer.flatMap({ EventID($0) }) { return .rsaOAEP(try readInput(file), offer: offer) }
            if let wrappingKey {
                return .aesKWP(try readInput(file), under: try KeyEncryptionKey(try readSecret(wrappingKey)))
            }
            return .cleartext(.init(try readSecret(file)))
        }
    }

    struct Export: Command {
        static let configuration = CommandConfiguration(
            abstract: "Hand out the material of a key that was created exportable.",
            discussion: """
                AES-256: 32 bytes. Ed25519: PKCS #8 in DER. Wrapped for a recipient's RSA public key (OAEP, SHA-256) or \
                under an AES-256 key that both sides have (AES-KWP, RFC 5649); in base64 on standard output, or as \
                bytes in a file.

                  keyledger key export --tenant acme pii --recipient recipient.pem --output wrapped.bin
                  keyledger key export --tenant acme pii --wrapping-key shared.bin

                With --json: tenant, key, version, material in base64.
                """)

        @OptionGroup var key: KeyOptions
        @Option(name: .long, help: .init("The file with the recipient's RSA public key in PEM.", valueName: "file"))
        var recipient: String?
        @Option(name: .long, help: .init("The file with the 32 bytes to wrap it under.", valueName: "file"))
        var wrappingKey: String?
        @Flag(name: .long, help: "Hand out the key itself: whoever sees the output has it.") var allowCleartext = false
        @Option(name: .long, help: .init("The file to write, as bytes.", valueName: "file")) var output: String?

        func validate() throws {
            guard [recipient != nil, wrappingKey != nil, allowCleartext].count(where: { $0 }) == 1 else {
                throw ValidationError(
                    "Say how to wrap the key: with --recipient or --wrapping-key; or --allow-cleartext for not at all.")
            }
            if output != nil, key.store.ledger.json { throw ValidationError("--output is instead of --json.") }
        }

        func perform() async throws {
            let protection: ExportProtection =
                if let recipient {
                    .rsaOAEP(try RSAOAEP.PublicKey(pem: try readInput(recipient)))
                } else if let wrappingKey {
                    .aesKWP(try KeyEncryptionKey(try readSecret(wrappingKey)))
                } else {
                    .cleartext
                }
            let file = try output.map { try OutputFile($0, isSecret: true) }
            let (version, material) = try await key.store.withStore { store in
                let handle = try await store.tenant(key.tenant).key(key.name)
                let version = key.keyVersion ?? handle.record?.currentVersion ?? 1
                return (version, try await handle.export(version: version, protectedBy: protection))
            }
            if let file {
                try file.write(material)
                try file.close()
                Terminal.note("Exported key \(key.name) of \(key.tenant), version \(version), to \(output ?? "").")
            } else if key.store.ledger.json {
                try Terminal.print(
                    line([
                        "tenant": .string(key.tenant), "key": .string(key.name), "version": json(version),
                        "material": .string(Data(material).base64EncodedString()),
                    ]))
            } else {
                try Terminal.print(Data(material).base64EncodedString())
            }
        }
    }
}

/// A secret in a file, read into locked memory; standard input for `-`.
func readSecret(_ path: String) throws -> SecretBytes {
    let file = path == "-" ? STDIN_FILENO : unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else {
        throw Failure("\(path) cannot be read: \(unsafe String(cString: strerror(errno))).", .inputOutput)
    }
    defer { if path != "-" { close(file) } }
    // With a byte to spare to notice what is too long to be a key.
    let capacity = 4097
    var count = 0
    var failure: Int32 = 0
    let bytes = try SecretBytes(readingUpTo: capacity, from: file, count: &count, failure: &failure)
    guard failure == 0 else {
        throw Failure("\(path) cannot be read: \(unsafe String(cString: strerror(failure))).", .inputOutput)
    }
    guard count < capacity else { throw Failure("\(path) is too long for a key.", .refused) }
    return try bytes.withBytes { (bytes: RawSpan) throws(CryptoError) in
        try SecretBytes(copying: bytes.extracting(0..<count))
    }
}
