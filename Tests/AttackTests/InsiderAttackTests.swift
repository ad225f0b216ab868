import CryptoPrimitives
import Foundation
import KeyLedgerVerify
import Testing

@testable import KeyLedger
@testable import Ledger
@testable import LedgerStore

/// Somebody who runs the real engine past the key store: every answer is right and every checksum too, but the product
/// would never have asked.
@Suite struct InsiderAttackTests {
    /// The sample's keys as accounts.
    private struct Keys {
        let ledger: SampleLedger
        /// A signing key that was rotated once.
        let claims: KeyID
        /// An encryption key with one version.
        let pii: KeyID
        let acme: TenantID

        init() async throws {
            ledger = try await SampleLedger.copy()
            let projection = try KeyLedger.Replay(try LedgerReader(LedgerFolder(path: ledger.path))).projection
            claims = try #require(projection.keys.first { $0.value.versions.count == 2 }).key
            let encryption = projection.keys.filter { $0.value.algorithm == .aes256GCM }
            pii = try #require(encryption.min { $0.value.createdBy < $1.value.createdBy }).key
            acme = try #require(projection.keys[claims]).tenant
        }

        func account(_ key: KeyID, _ version: UInt32 = 1, _ ledger: LedgerKind = .protect) -> UInt128 {
            AccountID.version(
                KeyVersion(key: key, number: version), key == claims ? .ed25519 : .aes256GCM, ledger)
        }

        /// A transfer about a version.
        func transfer(
            _ kind: EventKind, _ id: UInt128, from debit: UInt128, to credit: UInt128, amount: UInt128 = 1,
            flags: Transfer.Flags = [], timeout: UInt32 = 0, key: KeyID, version: UInt32 = 1
        ) -> Transfer {
            Transfer(
                id: id, debit: debit, credit: credit, amount: amount, ledger: kind.ledger.rawValue, code: 8,
                flags: flags, timeoutSeconds: timeout, userData128: key.value, userData64: UInt64(version),
                userData32: kind.rawValue)
        }

        /// Submits what the engine accepts, and returns what is found.
        func findings(_ transfers: Transfer..., accounts: [Account] = []) async throws -> Set<Finding.Kind> {
            try await Attacker(ledger).submit { writer in
                if !accounts.isEmpty {
                    let reply = try await writer.submit(accounts).reply()
                    #expect(reply.results.allSatisfy { $0.status == .created })
                }
                for transfer in transfers {
                    let reply = try await writer.submit([transfer]).reply()
                    #expect(reply.results.map(\.status) == [.created])
                }
            }
            return try await ledger.findings()
        }

        var tenant: UInt128 { AccountID.tenant(acme, .protect) }
        var custodyTenant: UInt128 { AccountID.tenant(acme, .custody) }

        /// Brings a version into memory.
        func admission(_ key: KeyID, _ version: UInt32 = 1) -> Transfer {
            transfer(
                .admit, 900, from: account(key, version, .custody),
                to: AccountID.keyCache(key == claims ? .ed25519 : .aes256GCM), flags: .pending,
                timeout: 3600, key: key, version: version)
        }
    }

    @Test func aBudgetRaised() async throws {
        let keys = try await Keys()
        #expect(
            try await keys.findings(
                keys.transfer(
                    .budget, 901, from: AccountID.issuer(.protect), to: keys.account(keys.pii), amount: 1 << 32,
                    key: keys.pii)) == [.budgetForged])
    }

    @Test func anAccountWithoutItsLimit() async throws {
        let keys = try await Keys()
        let version = KeyVersion(key: keys.pii, number: 2)
        #expect(
            try await keys.findings(accounts: [
                Account(
                    id: AccountID.version(version, .aes256GCM, .protect), ledger: 1, code: 8,
                    userData128: keys.pii.value, userData64: 2,
                    userData32: AccountKind.encryptionKeyVersion.rawValue)
            ]) == [.budgetForged])
    }

    @Test func anAccountThatStandsForNothing() async throws {
        let keys = try await Keys()
        #expect(
            try await keys.findings(accounts: [Account(id: 4711, ledger: 1, code: 8, userData32: 1)])
                == [.accountForeign])
    }

    @Test func aUseOfAKeyThatWasNeverGenerated() async throws {
        let keys = try await Keys()
        let version = KeyVersion(key: keys.claims, number: 3)
        let account = AccountID.version(version, .ed25519, .protect)
        let findings = try await keys.findings(
            keys.transfer(.sign, 902, from: account, to: keys.tenant, key: keys.claims, version: 3),
            accounts: [
                Account(
                    id: account, ledger: 1, code: 8, userData128: keys.claims.value, userData64: 3,
                    userData32: AccountKind.signingKeyVersion.rawValue)
            ])
        #expect(findings == [.useWithoutGenerate, .eventForeign])
    }

    @Test func aUseOfAKeyThatIsNotInMemory() async throws {
        let keys = try await Keys()
        let findings = try await keys.findings(
            keys.transfer(.sign, 903, from: keys.account(keys.claims, 2), to: keys.tenant, key: keys.claims, version: 2)
        )
        #expect(findings == [.useOutOfMemory, .eventForeign])
    }

    @Test func aUseWithoutABudget() async throws {
        let keys = try await Keys()
        let version = KeyVersion(key: keys.pii, number: 2)
        func account(_ ledger: LedgerKind, _ flags: Account.Flags) -> Account {
            Account(
                id: AccountID.version(version, .aes256GCM, ledger), ledger: ledger.rawValue, code: 8, flags: flags,
                userData128: keys.pii.value, userData64: 2, userData32: AccountKind.encryptionKeyVersion.rawValue)
        }
        let findings = try await keys.findings(
            keys.transfer(
                .generate, EventID(once: .generate, version).value, from: keys.custodyTenant,
                to: account(.custody, []).id, key: keys.pii, version: 2),
            keys.admission(keys.pii, 2),
            keys.transfer(.encrypt, 904, from: account(.protect, []).id, to: keys.tenant, key: keys.pii, version: 2),
            accounts: [account(.protect, []), account(.custody, .debitsMustNotExceedCredits)])
        #expect(findings.isSuperset(of: [.useWithoutBudget, .budgetForged]))
    }

    @Test func aFinalClosingTakenBackAndTheKeyUsed() async throws {
        let keys = try await Keys()
        let log = try Attacker(keys.ledger).log()
        let retirement = log.transfer(try log.place(of: .retire))
        #expect(retirement.userData128 == keys.claims.value)
        let findings = try await keys.findings(
            Transfer(
                id: 905, pendingID: retirement.id, code: 8, flags: .voidPendingTransfer,
                userData32: EventKind.resume.rawValue),
            keys.admission(keys.claims),
            keys.transfer(.sign, 906, from: keys.account(keys.claims), to: keys.tenant, key: keys.claims))
        #expect(findings == [.finalClosingVoided, .useAfterClose, .eventForeign])
    }

    @Test func aUseCountedForAnotherTenant() async throws {
        let keys = try await Keys()
        let projection = try KeyLedger.Replay(try LedgerReader(LedgerFolder(path: keys.ledger.path))).projection
        let other = try #require(projection.tenants.keys.first { $0 != keys.acme })
        #expect(
            try await keys.findings(
                keys.admission(keys.claims, 2),
                keys.transfer(
                    .sign, 907, from: keys.account(keys.claims, 2), to: AccountID.tenant(other, .protect),
                    key: keys.claims, version: 2)) == [.eventForeign])
    }

    @Test func anEventThatTheCatalogueDoesNotKnow() async throws {
        let keys = try await Keys()
        #expect(
            try await keys.findings(
                Transfer(
                    id: 908, debit: AccountID.issuer(.protect), credit: keys.tenant, amount: 1, ledger: 1, code: 8,
                    userData32: 0x1ff)) == [.eventForeign])
    }

    @Test func aUseThatNobodyAskedFor() async throws {
        let keys = try await Keys()
        #expect(
            try await keys.findings(
                keys.admission(keys.claims, 2),
                keys.transfer(
                    .sign, 909, from: keys.account(keys.claims, 2), to: keys.tenant, key: keys.claims, version: 2))
                == [.eventForeign])
    }

    /// What the engine itself refuses stays refused whatever the code above asks: no finding, and no use.
    @Test func theEngineRefusesWhatIsClosed() async throws {
        let keys = try await Keys()
        try await Attacker(keys.ledger).submit { writer in
            let use = keys.transfer(.sign, 910, from: keys.account(keys.claims), to: keys.tenant, key: keys.claims)
            let reply = try await writer.submit([use]).reply()
            #expect(reply.results.map(\.status) == [.debitAccountAlreadyClosed])
        }
        #expect(try await keys.ledger.findings() == [])
    }
}
