import Foundation
import KeyLedger
import LedgerStore
import Testing
import Transparency

@Suite("keyledger rotation")
struct RotationCommandTests {
    /// A ledger in which so many tenants have a signing key that was made 100 days ago.
    private func overdue(_ tenantCount: Int) async throws -> Workplace {
        let workplace = try Workplace()
        try MasterKey.create(file: workplace.masterKey)
        try KeyStore.create(
            workplace.ledger, origin: "ledger.example/test", created: "2026-01-01T00:00:00Z",
            masterKey: try MasterKey(readingFile: workplace.masterKey))
        var options = KeyStore.Options(caller: Caller(actor: "test"))
        options.clock = { LedgerWriter.systemClock() - 100 * 86_400_000_000_000 }
        let store = try await KeyStore.open(
            workplace.ledger, masterKey: try MasterKey(readingFile: workplace.masterKey), options: options)
        try await withThrowingTaskGroup { group in
            for number in 0..<tenantCount {
                group.addTask { _ = try await store.createTenant("tenant-\(number)").createSigningKey("claims") }
            }
            try await group.waitForAll()
        }
        try await store.close()
        return workplace
    }

    /// Every file of the ledger with its bytes, but for LMDB's tables of who is reading.
    private func files(of workplace: Workplace) throws -> [String: Data] {
        let names = FileManager.default.enumerator(atPath: workplace.ledger)?.allObjects.compactMap { $0 as? String }
        var files: [String: Data] = [:]
        for name in names ?? [] where !name.hasSuffix("lock.mdb") {
            files[name] = (try? Data(contentsOf: URL(filePath: workplace.ledger + "/" + name))) ?? Data()
        }
        return files
    }

    @Test func aDryRunShowsAHundredTenantsAndWritesNothing() async throws {
        let workplace = try await overdue(120)
        let before = try files(of: workplace)
        let lines = try await workplace.jsonLines("rotation", "run", "--dry-run")
        #expect(lines.count == 100)
        #expect(lines.allSatisfy { $0["inNextRun"]?.bool == true && $0["key"]?.string == "claims" })
        let outcome = try await workplace.run("rotation", "run", "--dry-run", "--set", "kms.rotation.batch-size=110")
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("10 more tenants have keys that are due."))
        #expect(try await workplace.jsonLines("rotation", "due").count == 120)
        #expect(before.count > 3)
        #expect(try files(of: workplace) == before)
    }

    @Test func aRunRotatesABatchAndTheNextTheRest() async throws {
        let workplace = try await overdue(3)
        let first = try await workplace.json("rotation", "run", "--set", "fluo.kms.rotation.batch-size=2")
        #expect(first["rotated"]?.array?.count == 2)
        #expect(first["remainingTenants"]?.integer == 1)
        let second = try await workplace.run("rotation", "run")
        #expect(second.output.contains("Rotated 1 keys of 1 tenants."))
        #expect(try await workplace.run("rotation", "due").output == "No key is due.\n")
        let kinds = try await workplace.jsonLines("log", "show").map { $0["kind"]?.string }
        #expect(kinds.count { $0 == "rotation-run" } == 2)
        #expect(kinds.count { $0 == "retire" } == 3)
    }

    @Test func theScheduleMakesUpForWhatWasMissedGoesOnAndEndsWhenItIsAskedTo() async throws {
        let workplace = try await overdue(2)
        let process = try workplace.start(
            ["rotation", "schedule", "--json", "--set", "kms.rotation.cron=* * * * * ?"])
        // It has the ledger open during runs only, so that others can read how many there were, and use it.
        #expect(
            await eventually {
                (try? Replay(try LedgerReader(LedgerFolder(path: workplace.ledger))).projection)
                    .map { $0.rotation.lastRunAt != nil && $0.keys.values.allSatisfy { $0.activeVersion == 2 } }
                    ?? false
            })
        process.send(SIGTERM)
        let outcome = try await process.outcome()
        #expect(outcome.status == 0)
        let runs = try outcome.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
        #expect(runs.first?["rotated"]?.array?.count == 2)
        #expect(runs.dropFirst().allSatisfy { $0["rotated"]?.array?.isEmpty == true })
    }

    @Test func theScheduleWaitsForItsTime() async throws {
        let workplace = try await overdue(1)
        _ = try await workplace.run("rotation", "run")
        let process = try workplace.start(["rotation", "schedule", "--set", "kms.rotation.cron=0 0 0 1 1 ? 2199"])
        #expect(await eventually { process.complaintsSoFar.contains("next run at 2199-01-01T00:00:00.000Z") })
        process.send(SIGTERM)
        let outcome = try await process.outcome()
        #expect(outcome.status == 0)
        #expect(outcome.output.isEmpty)
    }

    @Test func nothingIsScheduledWhereItIsSwitchedOff() async throws {
        let workplace = try await Workplace.furnished()
        let outcome = try await workplace.run(
            ["rotation", "schedule"], environment: ["FLUO_KMS_ROTATION_ENABLED": "false"])
        #expect(outcome.status == 3)
        #expect(outcome.complaints.contains("keyledger.kms.rotation.enabled is false"))
    }
}

@Suite("keyledger config and cache")
struct ConfigCommandTests {
    @Test func showsEachValueAndWhereItComesFrom() async throws {
        let workplace = try await Workplace.furnished()
        let file = try workplace.write(
            """
            # Key Cache Configuration (PRD-006d)
            fluo.kms.cache.private-key-ttl=60m
            fluo.kms.cache.public-key-ttl=24h
            fluo.kms.cache.max-entries=1000

            # Key Rotation Configuration (PRD-006e)
            fluo.kms.rotation.enabled=true
            fluo.kms.rotation.age-days=90
            fluo.kms.rotation.batch-size=100
            fluo.kms.rotation.cron=0 0 0 * * ?  # Daily at midnight
            """, to: "application.properties")
        let outcome = try await workplace.run(
            ["config", "show", "--config", file, "--set", "fluo.kms.rotation.batch-size=7", "--json"],
            environment: ["KEYLEDGER_KMS_ROTATION_AGE_DAYS": "30"])
        #expect(outcome.status == 0, "\(outcome.complaints)")
        let lines = try outcome.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
        func row(_ name: String) -> [String?] {
            let line = lines.first { $0["setting"]?.string == "keyledger." + name }
            return [line?["value"]?.string, line?["from"]?.string]
        }
        #expect(lines.count == Setting.allCases.count)
        #expect(row("kms.rotation.cron") == ["0 0 0 * * ?", "\(file):10"])
        #expect(row("kms.rotation.batch-size") == ["7", "flag fluo.kms.rotation.batch-size"])
        #expect(row("kms.rotation.age-days") == ["30", "environment variable KEYLEDGER_KMS_ROTATION_AGE_DAYS"])
        #expect(row("kms.provider") == ["local", "default"])
        #expect(row("path") == [workplace.ledger, "environment variable KEYLEDGER_PATH"])
    }

    @Test func refusesWhatIsWrongNamingFileLineAndSetting() async throws {
        let workplace = try await Workplace.furnished()
        let file = try workplace.write("\nfluo.kms.cache.max-entries=none\n", to: "p")
        for arguments in [["status"], ["config"], ["key", "list"], ["cache"], ["rotation", "due"], ["verify"]] {
            let outcome = try await workplace.run(arguments + ["--config", file])
            #expect(outcome.status == 64, "\(arguments)")
            #expect(outcome.complaints.contains("\(file):2: keyledger.kms.cache.max-entries cannot be \"none\""))
        }
        let missing = try await workplace.run(["status"], environment: ["KEYLEDGER_CONFIG": "/nowhere"])
        #expect(missing.status == 64)
        #expect(missing.complaints.contains("/nowhere cannot be read"))
        for (setting, message) in [
            ("kms.provider=aws", "aws is not built in"), ("nonsense", "has to be name=value"),
            ("kms.rotation.cron=daily", "fields"),
            ("kms.rotations.cron=x", "Did you mean keyledger.kms.rotation.cron?"),
        ] {
            let outcome = try await workplace.run("status", "--set", setting)
            #expect(outcome.status == 64)
            #expect(outcome.complaints.contains(message), "\(outcome.complaints)")
        }
    }

    @Test func theConfiguredLimitsAreTheLedgers() async throws {
        let workplace = try await Workplace.furnished()
        for key in ["claims", "pii"] {
            let command = key == "pii" ? ["encrypt"] : ["sign"]
            let outcome = try await workplace.run(
                command + ["--tenant", "acme", "--key", key, "--set", "kms.cache.private-key-ttl=2m"], input: "hello")
            #expect(outcome.status == 0, "\(outcome.complaints)")
        }
        let admissions = try await workplace.jsonLines("log", "show").filter { $0["kind"]?.string == "admit" }
        #expect(admissions.map { $0["expiresAfterSeconds"]?.integer } == [120, 3600])
        let cache = try await workplace.json("cache", "show")
        #expect(cache["privateKeys"]?["misses"]?.integer == 1)
        #expect(cache["encryptionKeys"]?["evictions"]?.integer == 1)
        #expect(cache["contents"]?.array?.isEmpty == true)
        // Before the store was closed the key was there.
        let evicted = try await workplace.jsonLines("log", "show").first { $0["kind"]?.string == "evict" }
        let event = try #require(evicted?["event"]?.integer)
        let before = try await workplace.json("cache", "show", "--at", String(event))
        #expect(before["contents"]?.array?.first?["key"]?.string == "claims")
    }
}
