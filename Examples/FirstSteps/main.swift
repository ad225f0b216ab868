// The shortest way from nothing to an audited signature: run with an empty folder as the argument.
import CryptoPrimitives
import Foundation
import KeyLedger

let folder = CommandLine.arguments.dropFirst().first ?? FileManager.default.currentDirectoryPath
try MasterKey.create(file: folder + "/master.key")
try KeyStore.create(
    folder + "/ledger", origin: "example.com/keys", created: Date.now.formatted(.iso8601),
    masterKey: MasterKey(readingFile: folder + "/master.key"))

let store = try await KeyStore.open(
    folder + "/ledger", masterKey: MasterKey(readingFile: folder + "/master.key"),
    options: .init(caller: Caller(actor: "first steps")))
let acme = try await store.createTenant("acme")
let key = try await acme.createSigningKey("claims")
let message = Array("ten euros to Alice".utf8)
let signature = try await key.sign(message)
print("signed by version \(signature.version), event \(signature.sequence)")

let isValid = try key.publicKey().isValidSignature(signature.bytes, for: message)
print("the public key says:", isValid ? "valid" : "not valid")
try await store.close()
