import Foundation
import Testing
import Transparency

/// The program `keyledger-verify`: what it says, and how it ends.
@Suite("keyledger-verify") struct VerifyCommandTests {
    private func used() async throws -> Workplace {
        let place = try await Workplace.furnished()
        _ = try await place.run("sign", "--tenant", "acme", "--key", "claims", input: "one")
        return place
    }

    @Test func anHonestLedgerIsIntact() async throws {
        let place = try await used()
        let sealed = try await place.shell("keyledger-verify ledger")
        #expect(sealed.status == 0, "\(sealed.complaints)")
        #expect(sealed.output.contains("Intact."))
        let opened = try await place.shell("keyledger-verify --master-key master.key --json ledger")
        #expect(opened.status == 0, "\(opened.complaints)")
        let report = try JSONValue(parsing: opened.output.trimmingCharacters(in: .newlines))
        #expect(report["verdict"] == "intact")
        #expect(report["detailsOpened"] == true)
        #expect(report["findings"]?.array?.isEmpty == true)
        #expect(report["events"] == report["trustworthyEvents"])
        let own = try await place.run("verify")
        let root = try #require(report["rootHash"]?.string)
        #expect(own.output.contains(root))
    }

    @Test func aFolderOfEvidenceIsNotChangedByLookingAtIt() async throws {
        let place = try await used()
        let outcome = try await place.shell(
            """
            rm -f ledger/log/lock.mdb && ls -lR --full-time ledger > before && keyledger-verify --master-key master.key \
            ledger && ls -lR --full-time ledger > after && cmp before after
            """)
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.complaints)")
    }

    @Test func tamperingIsAFindingWithNameEventAndTime() async throws {
        let place = try await used()
        let file = URL(filePath: place.file("ledger/log/data.mdb"))
        var bytes = try Data(contentsOf: file)
        // The magic number of a block's header, and then a byte of its last record.
        var search = bytes.startIndex..<bytes.endIndex
        while let range = bytes.firstRange(of: Data("KLK1".utf8), in: search) {
            bytes[range.lowerBound + 128 + 48] ^= 1
            search = range.upperBound..<bytes.endIndex
        }
        try bytes.write(to: file)
        let outcome = try await place.shell("keyledger-verify --json ledger")
        #expect(outcome.status == 1, "\(outcome.complaints)")
        let report = try JSONValue(parsing: outcome.output.trimmingCharacters(in: .newlines))
        #expect(report["verdict"] == "tampered")
        #expect(report["trustworthyEvents"] == 0)
        let findings = try #require(report["findings"]?.array)
        #expect(findings.contains { $0["kind"] == "block-altered" && $0["event"] != nil })
        #expect(findings.allSatisfy { $0.names.isSuperset(of: ["kind", "meaning", "detail", "trustworthy"]) })
        let text = try await place.shell("keyledger-verify ledger")
        #expect(text.output.contains("✘ block-altered"))
        #expect(text.output.contains("still trustworthy: nothing"))
    }

    /// Nothing of this is a verdict, and none of it ends in a signal.
    @Test(arguments: [
        ("keyledger-verify nowhere", "not a ledger"),
        ("keyledger-verify .", "not a ledger"),
        ("rm -r ledger/log && keyledger-verify ledger", "ledger/log/data.mdb"),
        ("rm -r ledger/material && keyledger-verify ledger", "ledger/material/blobs"),
        ("truncate -s 5000 ledger/log/data.mdb && keyledger-verify ledger", "short"),
        ("truncate -s -4096 ledger/log/data.mdb && keyledger-verify ledger", "cut short"),
        ("truncate -s 0 ledger/log/data.mdb && keyledger-verify ledger", "too short"),
        ("head -c 90000 /dev/zero > ledger/log/data.mdb && keyledger-verify ledger", "not an LMDB file"),
        ("head -c 90000 /dev/urandom > ledger/log/data.mdb && keyledger-verify ledger", "LMDB"),
        ("rm ledger/log/data.mdb && mkdir ledger/log/data.mdb && keyledger-verify ledger", "not a file"),
        ("echo '{}' > ledger/ledger.json && keyledger-verify ledger", "malformed"),
        (#"echo '{"format":9,"origin":"x"}' > ledger/ledger.json && keyledger-verify ledger"#, "format 9"),
        ("keyledger-verify --master-key nothing ledger", "nothing"),
        ("echo x > bad && keyledger-verify --master-key bad ledger", "keyledger-master-key-1"),
        ("keyledger-verify --checkpoint x ledger", "--key"),
        ("keyledger-verify --key nonsense ledger", "name+keyID+base64"),
        ("keyledger-verify --frobnicate ledger", "--frobnicate"),
        ("keyledger-verify --master-key", "needs a value"),
        ("keyledger-verify", "which ledger"),
        ("keyledger-verify a b", "one ledger"),
        ("keyledger-verify bundle", "which bundle"),
        ("keyledger-verify bundle x", "--key"),
    ])
    func whatCannotBeReadIsSaidInALine(_ line: String, _ complaint: String) async throws {
        let place = try await Workplace.furnished()
        let outcome = try await place.shell(line)
        #expect(outcome.status == 2, "\(outcome.output)")
        #expect(outcome.complaintLines.count == 1)
        #expect(outcome.complaints.contains(complaint), "\(outcome.complaints)")
    }

    @Test func helpNamesEveryOption() async throws {
        let outcome = try await Workplace().shell("keyledger-verify --help")
        #expect(outcome.status == 0)
        for option in ["--master-key", "--checkpoint", "--key", "--json", "bundle", "Exit codes"] {
            #expect(outcome.output.contains(option))
        }
    }

    /// While another process writes, a snapshot is read that holds together; a block that is changed meanwhile is found.
    @Test func itReadsWhileTheLedgerIsWritten() async throws {
        let place = try await used()
        let outcome = try await place.shell(
            """
            (for i in 1 2 3 4 5; do echo $i | keyledger sign --tenant acme --key claims > /dev/null; done) &
            for i in 1 2 3 4 5 6 7 8; do keyledger-verify --master-key master.key ledger > said || exit 9; done
            wait
            """)
        #expect(outcome.status == 0, "\((try? place.read("said")) ?? "")\(outcome.complaints)")
    }
}
