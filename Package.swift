// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target: complete concurrency checking comes with language mode 6, unsafe code must say so. Tests do not
/// let a warning pass.
let warningsAreErrors = Context.environment["KEYLEDGER_WARNINGS_ARE_ERRORS"] != nil
let strict: [SwiftSetting] =
    (warningsAreErrors ? [.treatAllWarnings(as: .error)] : []) + [
        .strictMemorySafety(),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
    ]

let package = Package(
    name: "KeyLedger",
    products: [
        .library(name: "KeyLedger", targets: ["KeyLedger", "LedgerStore", "Ledger", "CryptoPrimitives"]),
        .executable(name: "keyledger", targets: ["KeyLedgerCLI"]),
        .executable(name: "keyledger-verify", targets: ["keyledger-verify"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ],
    targets: [
        .systemLibrary(name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),

        .target(name: "Ledger", swiftSettings: strict),
        .target(name: "CryptoPrimitives", dependencies: ["COpenSSL"], swiftSettings: strict),
        .target(name: "Transparency", dependencies: ["CryptoPrimitives"], swiftSettings: strict),
        .target(name: "LedgerStore", dependencies: ["Ledger", "CryptoPrimitives", "CLMDB"], swiftSettings: strict),
        .target(
            name: "KeyLedger",
            dependencies: ["Ledger", "LedgerStore", "CryptoPrimitives", "Transparency"],
            swiftSettings: strict),
        .executableTarget(
            name: "KeyLedgerCLI",
            dependencies: [
                "KeyLedger", "LedgerStore", "Ledger", "LedgerConformance", "Transparency", "CryptoPrimitives",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),

        // The second reader: nothing here may depend on the code that writes.
        .target(
            name: "KeyLedgerVerify", dependencies: ["Ledger", "Transparency", "CryptoPrimitives", "CLMDB"],
            swiftSettings: strict),
        .executableTarget(
            name: "keyledger-verify", dependencies: ["KeyLedgerVerify", "Transparency"],
            path: "Sources/KeyLedgerVerifyCLI", swiftSettings: strict),

        .executableTarget(
            name: "FirstSteps", dependencies: ["KeyLedger"], path: "Examples/FirstSteps", swiftSettings: strict),
        .target(name: "LedgerConformance", dependencies: ["Ledger"], swiftSettings: strict),

        .target(
            name: "CLogBaseline", dependencies: ["CLMDB"], path: "Benchmarks/CLogBaseline"),
        .target(name: "COpenSSLBaseline", dependencies: ["COpenSSL"], path: "Benchmarks/COpenSSLBaseline"),
        .executableTarget(
            name: "keyledger-bench",
            dependencies: [
                "KeyLedger", "KeyLedgerVerify", "Transparency", "LedgerStore", "Ledger", "CryptoPrimitives",
                "CLogBaseline", "COpenSSLBaseline",
            ],
            path: "Benchmarks/Bench",
            swiftSettings: strict),

        .testTarget(
            name: "LedgerTests", dependencies: ["Ledger", "LedgerConformance"], resources: [.copy("Traces")],
            swiftSettings: strict),
        .testTarget(
            name: "CryptoPrimitivesTests", dependencies: ["CryptoPrimitives"], resources: [.copy("Vectors")],
            swiftSettings: strict),
        .testTarget(
            name: "TransparencyTests", dependencies: ["Transparency", "CryptoPrimitives", "COpenSSL"],
            resources: [.copy("Vectors")], swiftSettings: strict),
        .testTarget(
            name: "LedgerStoreTests",
            dependencies: ["LedgerStore", "Ledger", "LedgerConformance", "CryptoPrimitives", "StoreCrasher"],
            swiftSettings: strict),
        .executableTarget(
            name: "StoreCrasher", dependencies: ["LedgerStore", "Ledger"], path: "Tests/Support/StoreCrasher",
            swiftSettings: strict),
        .target(name: "CDiskJournal", path: "Tests/Simulation/CDiskJournal"),
        .executableTarget(
            name: "keyledger-simulate", dependencies: ["LedgerStore", "Ledger", "CryptoPrimitives", "CDiskJournal"],
            path: "Tests/Simulation/Simulate", swiftSettings: strict),
        .testTarget(name: "SimulationTests", swiftSettings: strict),
        .testTarget(
            name: "KeyLedgerTests",
            dependencies: ["KeyLedger", "LedgerStore", "Ledger", "CryptoPrimitives", "Transparency"],
            swiftSettings: strict),
        .testTarget(
            name: "AttackTests",
            dependencies: [
                "KeyLedger", "KeyLedgerVerify", "LedgerStore", "Ledger", "CryptoPrimitives", "Transparency", "CLMDB",
                "keyledger-verify",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "KeyLedgerCLITests",
            dependencies: ["KeyLedgerCLI", "keyledger-verify", "KeyLedger", "LedgerStore", "Transparency"],
            exclude: ["Support/tlog_reader.py"], swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
