internal import Foundation
internal import KeyLedger
internal import Testing
internal import Transparency

/// The recorded spans in `Examples/data`, one export request a line.
enum SampleFile {
    static func lines() throws -> [[UInt8]] {
        let root = URL(filePath: #filePath).appending(path: "../../../../").standardized
        let file = root.appending(path: "Examples/data/claims.otlp.jsonl")
        return [UInt8](try Data(contentsOf: file)).split(separator: 0x0a).map { Array($0) }
    }

    static func tenants() throws -> SpanTenants {
        var collector = SpanTenants.Collector()
        for line in try lines() { collector.collect(try ExportLine(parsing: line)) }
        return collector.resolve()
    }
}

/// SplitMix64: a random source that a printed seed replays.
struct SeededDamage: RandomNumberGenerator {
    let seed: UInt64
    private var state: UInt64

    init(seed: UInt64 = .random(in: 0...UInt64.max), _ purpose: String = #function) {
        self.seed = seed
        state = seed
        print("\(purpose): seed \(seed)")
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// `bytes` with exactly one byte changed.
    mutating func changeOneByte(of bytes: [UInt8]) -> [UInt8] {
        var damaged = bytes
        let index = Int.random(in: damaged.indices, using: &self)
        if Bool.random(using: &self) {
            damaged[index] ^= 1 << UInt8.random(in: 0..<8, using: &self)
        } else {
            damaged[index] &+= UInt8.random(in: 1...255, using: &self)
        }
        return damaged
    }

    /// `bytes` with a few changed bytes, and sometimes a piece cut out or repeated.
    mutating func damage(_ bytes: [UInt8]) -> [UInt8] {
        var damaged = bytes
        for _ in 0..<Int.random(in: 1...4, using: &self) {
            guard let index = damaged.indices.randomElement(using: &self) else { return damaged }
            switch UInt8.random(in: 0..<4, using: &self) {
            case 0, 1: damaged = changeOneByte(of: damaged)
            case 2:
                damaged.removeSubrange(index..<Swift.min(index + Int.random(in: 1...8, using: &self), damaged.count))
            default: damaged.insert(contentsOf: damaged[index...].prefix(16), at: index)
            }
        }
        return damaged
    }
}

/// A line with one scope whose spans have these texts.
func exportLine(_ spans: String...) throws -> ExportLine {
    let text =
        #"{"resourceSpans":[{"resource":{"attributes":[]},"scopeSpans":[{"scope":{"name":"s"},"spans":["#
        + spans.joined(separator: ",") + "]}]}]}"
    return try ExportLine(parsing: Array(text.utf8))
}

/// The text of a span of the trace `1…`, with attributes in the notation of OTLP/JSON.
func span(_ id: Int, parent: Int? = nil, trace: Int = 1, attributes: String? = nil) -> String {
    func padded(_ number: Int, _ count: Int) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: count - digits.count) + digits
    }
    let parent = parent.map { #","parentSpanId":"\#(padded($0, 16))""# } ?? ""
    let list = attributes.map { #","attributes":[\#($0)]"# } ?? ""
    return #"{"traceId":"\#(padded(trace, 32))","spanId":"\#(padded(id, 16))"\#(parent),"name":"n"\#(list)}"#
}

func attribute(_ key: String, _ value: String) -> String { #"{"key":"\#(key)","value":{"stringValue":"\#(value)"}}"# }
