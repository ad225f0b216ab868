import Testing

@testable import KeyLedger

@Suite("Configuration")
struct ConfigurationTests {
    private func configuration(
        _ text: String? = nil, environment: [String: String] = [:], flags: [(name: String, value: String)] = []
    ) throws(ConfigurationError) -> Configuration {
        try Configuration(
            file: text.map { ("k.properties", $0) }, environment: environment, flags: flags)
    }

    private func error(
        _ text: String? = nil, environment: [String: String] = [:], flags: [(name: String, value: String)] = []
    ) -> ConfigurationError? {
        do throws(ConfigurationError) {
            _ = try configuration(text, environment: environment, flags: flags)
            return nil
        } catch {
            return error
        }
    }

    @Test func saysWhatHoldsWhenNobodySaysOtherwise() throws {
        let configuration = try configuration()
        #expect(configuration.cache == KeyCacheLimits())
        #expect(configuration.rotation == RotationPolicy())
        #expect(configuration.ledgerPath == "ledger")
        #expect(configuration.masterKeyFile == nil)
        #expect(configuration.values.values.allSatisfy { $0.origin == .builtIn })
    }

    @Test func readsFLUOsSampleUnchanged() throws {
        let configuration = try configuration(
            """
            # Key Cache Configuration (PRD-006d)
            fluo.kms.cache.private-key-ttl=45m
            fluo.kms.cache.public-key-ttl=12h
            fluo.kms.cache.max-entries=500

            # Key Rotation Configuration (PRD-006e)
            fluo.kms.rotation.enabled=true
            fluo.kms.rotation.age-days=30
            fluo.kms.rotation.batch-size=50
            fluo.kms.rotation.cron=0 0 0 * * ?  # Daily at midnight
            """)
        #expect(configuration.cache.privateKeySeconds == 2700)
        #expect(configuration.cache.encryptionKeySeconds == 3600)
        #expect(configuration.cache.publicKeySeconds == 43200)
        #expect(configuration.cache.entryCountMax == 500)
        #expect(configuration.rotation.ageDays == 30)
        #expect(configuration.rotation.batchSize == 50)
        #expect(configuration.rotation.schedule == .daily)
        #expect(configuration.values[.rotationCron]?.origin == .file(path: "k.properties", line: 10))
        let options = KeyStore.Options(caller: Caller(actor: "test"), configuration: configuration)
        #expect(options.cache == configuration.cache)
        #expect(options.cryptoperiodSeconds == 30 * 86400)
    }

    @Test func aFlagComesBeforeTheEnvironmentBeforeTheFile() throws {
        let text = "keyledger.kms.rotation.batch-size=1\nkeyledger.kms.rotation.age-days=1\nkeyledger.path=/a"
        let environment = ["FLUO_KMS_ROTATION_BATCH_SIZE": "2", "KEYLEDGER_KMS_ROTATION_AGE_DAYS": "2", "PATH": "/bin"]
        let configuration = try configuration(
            text, environment: environment, flags: [("fluo.kms.rotation.batch-size", "3")])
        #expect(configuration.rotation.batchSize == 3)
        #expect(configuration.values[.rotationBatchSize]?.origin == .flag(name: "fluo.kms.rotation.batch-size"))
        #expect(configuration.rotation.ageDays == 2)
        #expect(
            configuration.values[.rotationAgeDays]?.origin == .environment(name: "KEYLEDGER_KMS_ROTATION_AGE_DAYS"))
        #expect(configuration.ledgerPath == "/a")
        // A flag needs no prefix; an empty variable is as good as none.
        #expect(try self.configuration(flags: [("path", "/b")]).ledgerPath == "/b")
        #expect(try self.configuration(environment: ["KEYLEDGER_PATH": ""]).ledgerPath == "ledger")
    }

    @Test func refusesNamesThatAreNoneAndSaysWhichWasMeant() {
        #expect(
            error("\n\nkeyledger.kms.rotation.age-day=90")?.description
                == "k.properties:3: there is no setting keyledger.kms.rotation.age-day. "
                + "Did you mean keyledger.kms.rotation.age-days?")
        #expect(
            error("fluo.kms.rotation.crom=1")?.description
                == "k.properties:1: there is no setting fluo.kms.rotation.crom. Did you mean fluo.kms.rotation.cron?")
        #expect(
            error("quarkus.http.port=80")
                == .unknownSetting("quarkus.http.port", at: .file(path: "k.properties", line: 1), meant: nil))
        #expect(
            error(environment: ["FLUO_KMS_CACHE_MAX_ENTRY": "1"])?.description.hasPrefix(
                "environment variable FLUO_KMS_CACHE_MAX_ENTRY: there is no setting") == true)
        #expect(error(environment: ["KEYLEDGER_TEST_SEED": "1", "FLUO_HOME": "/"]) == nil)
        #expect(error(flags: [("kms.cron", "x")])?.description.hasPrefix("flag kms.cron: there is no setting") == true)
    }

    @Test func refusesOneSettingTwiceInOnePlace() {
        #expect(
            error("fluo.kms.rotation.age-days=1\nkeyledger.kms.rotation.age-days=2")
                == .givenTwice(
                    "keyledger.kms.rotation.age-days", at: .file(path: "k.properties", line: 2),
                    before: .file(path: "k.properties", line: 1)))
        #expect(
            error(environment: ["FLUO_KMS_PROVIDER": "local", "KEYLEDGER_KMS_PROVIDER": "local"])
                == .givenTwice(
                    "keyledger.kms.provider", at: .environment(name: "KEYLEDGER_KMS_PROVIDER"),
                    before: .environment(name: "FLUO_KMS_PROVIDER")))
    }

    @Test(
        arguments: [
            (
                "kms.cache.private-key-ttl",
                [
                    "", "0", "0m", "60x", "-1m", "1m1h", "1m2m", "m", "4294967296", "1.5h", "PT",
                    "99999999999999999999d",
                ], "duration"
            ),
            ("kms.cache.max-entries", ["", "0", "-1", "1000001", "many", "١٠"], "number from 1 to 1000000"),
            ("kms.rotation.enabled", ["", "yes", "1"], "true or false"),
            ("kms.rotation.age-days", ["0", "49711", "90d"], "number from 1 to 49710"),
            ("kms.rotation.batch-size", ["0", "1e3"], "number from 1 to 1000000"),
            ("kms.rotation.cron", ["", "0 0 * * *", "0 0 25 * * ?"], ""),
            ("kms.provider", ["Local", "", "hsm"], "local, aws, vault, gcp or azure"),
        ] as [(String, [String], String)])
    func refusesWhatIsNoValue(name: String, texts: [String], reason: String) {
        for text in texts {
            guard let error = error("\nkeyledger.\(name)=\(text)") else {
                Issue.record("\(name)=\(text) was read")
                continue
            }
            #expect(
                error.description.hasPrefix("k.properties:2: keyledger.\(name) cannot be \"\(text)\": "), "\(error)")
            #expect(error.description.contains(reason) || error.description.contains("a second"), "\(error)")
        }
    }

    @Test(
        arguments: [
            ("90", 90), ("90s", 90), ("60m", 3600), ("24h", 86400), ("7d", 604_800), ("1h30m", 5400), ("1D1S", 86401),
            ("PT24H", 86400), ("pt1h30m", 5400), ("4294967295", .max),
        ] as [(String, UInt32)])
    func readsDurations(text: String, seconds: UInt32) throws {
        #expect(try configuration("fluo.kms.cache.public-key-ttl=\(text)").cache.publicKeySeconds == seconds)
    }

    @Test(arguments: ["aws", "vault", "gcp", "azure"])
    func saysThatAProviderIsNotBuiltIn(provider: String) {
        #expect(
            error("fluo.kms.provider=\(provider)")
                == .providerNotBuiltIn(provider, at: .file(path: "k.properties", line: 1)))
        #expect(error("fluo.kms.provider=\(provider)")?.description.contains("is not built in") == true)
    }
}

@Suite("A properties file")
struct PropertiesFileTests {
    private func properties(_ text: String) throws -> [String] {
        try PropertiesFile(parsing: text, path: "p").properties.map { "\($0.line) \($0.name)=\($0.value)" }
    }

    @Test(
        arguments: [
            ("", []), ("# a=b\n! c=d\n   \n\t# e", []),
            ("a=b", ["1 a=b"]), ("a = b", ["1 a=b"]), ("  a:b  ", ["1 a=b"]), ("a b c", ["1 a=b c"]), ("a", ["1 a="]),
            ("a==b", ["1 a==b"]), ("a : = b", ["1 a== b"]), ("a=b\r\nc=d\re=f\n", ["1 a=b", "2 c=d", "3 e=f"]),
            ("a=1 \\\n   2\\\n3\nb=c", ["1 a=1 23", "4 b=c"]), ("a=1\\\\\nb=2", ["1 a=1\\", "2 b=2"]),
            ("a=\\\n# no comment", ["1 a="]),
            ("a\\ b\\=c\\:d=e", ["1 a b=c:d=e"]), ("a=\\tx\\n\\r\\f\\u0041\\q", ["1 a=\tx\n\r\u{C}Aq"]),
            ("cron=0 0 0 ? * 6#3 # third Friday", ["1 cron=0 0 0 ? * 6#3"]), ("a=b #", ["1 a=b"]), ("a=#b", ["1 a="]),
            ("a=b#c", ["1 a=b#c"]), ("a=b \\# c", ["1 a=b # c"]), ("a=b\\ ", ["1 a=b "]),
            ("ключ=значение", ["1 ключ=значение"]),
        ] as [(String, [String])])
    func isRead(text: String, expected: [String]) throws {
        #expect(try properties(text) == expected)
    }

    @Test(
        arguments: [
            ("a=1\n=b", 2, "a name is missing"), (":b", 1, "a name is missing"),
            ("a=\\u12", 1, "\\u12 names no character"),
            ("a=\\uD800", 1, "names no character"), ("a=\\u+123", 1, "names no character"),
            ("a=\\uzzzz", 1, "names no character"),
        ] as [(String, Int, String)])
    func isRefused(text: String, line: Int, reason: String) {
        do throws(ConfigurationError) {
            let file = try PropertiesFile(parsing: text, path: "p")
            Issue.record("it was read as \(file.properties)")
        } catch {
            #expect(error.description.hasPrefix("p:\(line): "), "\(error)")
            #expect(error.description.contains(reason), "\(error)")
        }
    }

    @Test func nothingTrapsWhateverIsWritten() {
        var random = SeededRandom()
        let alphabet = Array("ab=:# \t\\\n\r!u0041fluo.kms.")
        for _ in 0..<5000 {
            let text = String(
                (0..<Int.random(in: 0...40, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? "a" })
            _ = try? PropertiesFile(parsing: text, path: "p")
            _ = try? Configuration(file: ("p", text))
            _ = CronExpression(text)
        }
    }
}
