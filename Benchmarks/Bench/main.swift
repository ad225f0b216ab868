let arguments = Array(CommandLine.arguments.dropFirst())
let names = [
    "engine": EngineBenchmark.run, "callers": GroupCommitBenchmark.run, "storage": StorageBenchmark.run,
    "fixed": FixedWorkload.run, "proofs": ProofBenchmark.run,
]
guard let name = arguments.first, let run = names[name] else {
    print("usage: tools/bench engine [TRANSFERS] | callers | storage | proofs [EVENTS] | instructions")
    throw BenchFailure("which benchmark?")
}
try await run(Array(arguments.dropFirst()))
