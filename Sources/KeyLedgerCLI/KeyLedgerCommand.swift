import ArgumentParser

@main
struct KeyLedgerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "keyledger")
}
