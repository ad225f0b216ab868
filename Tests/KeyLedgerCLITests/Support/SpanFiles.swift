import Foundation
import Testing

/// Files of spans as a Collector's file exporter writes them.
enum SpanFiles {
    /// 2,380 recorded spans on 38 lines, of twelve tenants and the platform's own.
    static let sample = URL(filePath: #filePath).appending(path: "../../../../Examples/data/claims.otlp.jsonl")
        .standardized.path()

    /// `lineCount` lines of `spanCount` spans each, of four tenants.
    static func generated(lineCount: Int, spanCount: Int) -> String {
        (0..<lineCount).map { line($0, spanCount: spanCount) }.joined()
    }

    static func line(_ number: Int, spanCount: Int, tenant: String? = nil) -> String {
        let spans = (0..<spanCount).map { index in
            let id = String(number * spanCount + index + 1, radix: 16)
            let spanID = String(repeating: "0", count: 16 - id.count) + id
            let tenant = tenant ?? "tenant-\((number + index) % 4)"
            return #"{"traceId":"0000000000000000\#(spanID)","spanId":"\#(spanID)","name":"GET /claims/\#(number)","#
                + #""startTimeUnixNano":"1795495373010877295","endTimeUnixNano":"1795495373298500290","#
                + #""attributes":[{"key":"tenant.id","value":{"stringValue":"\#(tenant)"}}]}"#
        }
        return #"{"resourceSpans":[{"resource":{"attributes":[]},"scopeSpans":[{"scope":{"name":"test"},"spans":["#
            + spans.joined(separator: ",") + "]}]}]}\n"
    }

    /// The events that the signatures in a text name, also in a line that was cut off.
    static func signatureEvents(in text: String) -> [String] {
        text.components(separatedBy: #""compliance.signature.event","value":{"stringValue":""#).dropFirst().compactMap {
            let id = $0.prefix { $0 != "\"" }
            return id.count == 26 ? String(id) : nil
        }
    }
}
