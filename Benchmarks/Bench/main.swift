let arguments = Array(CommandLine.arguments.dropFirst())
let names = [
    "engine": EngineBenchmark.run, "keystore": KeyStoreBenchmark.run, "storage": StorageBenchmark.run,
    "fixed": FixedWorkload.run,
]
guard let name = arguments.first, let run = names[name] else {
    print("usage: tools/bench engine [TRANSFERS] | keystore | storage | instructions")
    throw BenchFailure("which benchmark?")
}
try await run(Array(arguments.dropFirst()))
