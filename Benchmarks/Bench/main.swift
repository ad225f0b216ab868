let arguments = Array(CommandLine.arguments.dropFirst())
let names = ["engine": EngineBenchmark.run]
guard let name = arguments.first, let run = names[name] else {
    print("usage: tools/bench \(names.keys.sorted().joined(separator: "|")) [options]")
    throw BenchFailure("which benchmark?")
}
try await run(Array(arguments.dropFirst()))
