import ArgumentParser
import CryptoPrimitives
import KeyLedger
import LedgerStore
import Transparency

struct Publish: Command {
    static let configuration = CommandConfiguration(
        abstract: "Write the log as static files that anyone can serve and verify (C2SP tlog-tiles).",
        discussion: """
            The files hold every event as committed, without its details. May be stopped and started again; a later run \
            adds what is new. Needs no master key.

              keyledger publish /var/www/ledger

            With --json: size, previousSize, filesWritten.
            """)

    @OptionGroup var ledger: LedgerOption
    @OptionGroup var checkpoint: CheckpointOption
    @Argument(help: "The folder.") var folder: String

    func perform() async throws {
        let prover = try Prover(LedgerReader(LedgerFolder(path: ledger.path)))
        let bar = ProgressBar("publishing", unit: "files")
        defer { bar.finish() }
        let result = try TilePublisher(prover, folder: folder).publish(try checkpoint.value()) {
            bar.update($0, of: $1)
        }
        try prover.close()
        bar.finish()
        if ledger.json {
            try Terminal.print(
                line([
                    "size": json(result.size.leafCount), "previousSize": json(result.previousSize.leafCount),
                    "filesWritten": json(result.writtenCount),
                ]))
        } else {
            try Terminal.print(
                "\(folder) has the log up to size \(result.size) (before: \(result.previousSize)); "
                    + "\(result.writtenCount.grouped) files written.")
        }
    }
}
