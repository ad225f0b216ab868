let arguments = Array(CommandLine.arguments.dropFirst())
let names = [
    "engine": EngineBenchmark.run, "callers": GroupCommitBenchmark.run, "keystore": KeyStoreBenchmark.run,
    "storage": StorageBenchmark.run, "material": MaterialBenchmark.run, "fixed": FixedWorkload.run,
    "proofs": ProofBenchmark.run,
    "cache": CacheBenchmark.run, "rotation": RotationBenchmark.run,
    "verify": VerifyBenchmark.run,
]
guard let name = arguments.first, let run = names[name] else {
    print(
        """
        usage: tools/bench engine [TRANSFERS] | callers | keystore | storage | material [BLOBS] | proofs [EVENTS] | cache [REQUESTS] |
                           rotation [TENANTS] | verify [EVENTS] | instructions
        """)
    throw BenchFailure("which benchmark?")
}
try await run(Array(arguments.dropFirst()))
