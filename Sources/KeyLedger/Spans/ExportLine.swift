internal import CryptoPrimitives
internal import Transparency

/// One line of OTLP/JSON, an `ExportTraceServiceRequest` as the file exporter of an OpenTelemetry Collector writes
/// them: a collection of its spans, which may be replaced one by one.
///
/// Written back, the line is the bytes it was read from, with the replaced spans exchanged: what was not touched comes
/// out byte for byte, whatever its white space, escapes or numbers look like.
public struct ExportLine: Sendable {
    private let bytes: [UInt8]
    private var entries: [Entry]
    private let surroundings: [SpanSurroundings]

    private struct Entry: Sendable {
        var span: TelemetrySpan
        var isReplaced = false
        /// Where the span stands in `bytes`.
        let range: Range<Int>
        /// Its index in `surroundings`.
        let scope: Int
    }

    /// Reads a line; a line feed at its end belongs to it.
    ///
    /// - Throws: ``ExportLineError`` if this is not JSON, or not trace data. A line of metrics or logs is refused for
    ///   its missing `resourceSpans`.
    public init(parsing bytes: [UInt8]) throws(ExportLineError) {
        let document: JSONValue
        do throws(JSONError) {
            document = try JSONValue(parsing: bytes)
        } catch {
            throw ExportLineError(.notJSON(error), at: "")
        }
        var reader = Reader()
        do throws(JSONError) {
            try reader.read(document)
        } catch {
            // A part of a document that was read cannot be nested deeper than the document.
            throw ExportLineError(.notJSON(error), at: "")
        }
        if let malformation = reader.malformation { throw malformation }
        let ranges = SpanRanges.find(in: bytes)
        precondition(ranges.count == reader.spans.count, "the same spans are found in the document and in its bytes")
        self.bytes = bytes
        surroundings = reader.surroundings
        entries = zip(reader.spans, ranges).map { Entry(span: $0.span, range: $1, scope: $0.scope) }
    }

    /// The line with all replacements.
    public func serialized() -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(bytes.count)
        var written = 0
        for entry in entries where entry.isReplaced {
            line += bytes[written..<entry.range.lowerBound]
            line += JSONValue.object(entry.span.object).serialized()
            written = entry.range.upperBound
        }
        line += bytes[written...]
        return line
    }

    /// What surrounds a span in this line; spans of one scope share it.
    public func surroundings(ofSpanAt index: Int) -> SpanSurroundings { surroundings[entries[index].scope] }
}

extension ExportLine: RandomAccessCollection {
    /// Always 0.
    public var startIndex: Int { 0 }
    /// The number of spans.
    public var endIndex: Int { entries.count }

    /// A span, in the order in which they are written. Setting one replaces it.
    public subscript(index: Int) -> TelemetrySpan {
        get { entries[index].span }
        set {
            entries[index].span = newValue
            entries[index].isReplaced = true
        }
    }
}

// MARK: - Reading

/// Walks the document from the request down to the spans.
private struct Reader {
    var spans: [(span: TelemetrySpan, scope: Int)] = []
    var surroundings: [SpanSurroundings] = []
    var malformation: ExportLineError?

    mutating func read(_ document: JSONValue) throws(JSONError) {
        guard let request = document.object else { return fail(.notAnObject, at: "") }
        guard let resources = request["resourceSpans"] else { return fail(.missing, at: "resourceSpans") }
        guard let resources = resources.array else { return fail(.notAnArray, at: "resourceSpans") }
        let requestDigest = try request.exactDigest(without: "resourceSpans")
        for (index, resource) in resources.enumerated() {
            try read(resource: resource, in: requestDigest, at: "resourceSpans[\(index)]")
            guard malformation == nil else { return }
        }
    }

    private mutating func read(resource: JSONValue, in request: SHA256Digest, at path: String) throws(JSONError) {
        guard let resource = resource.object else { return fail(.notAnObject, at: path) }
        guard let scopes = list("scopeSpans", of: resource, at: path) else { return }
        let resourceDigest = try resource.exactDigest(without: "scopeSpans")
        for (index, scope) in scopes.enumerated() {
            let path = "\(path).scopeSpans[\(index)]"
            guard let scope = scope.object else { return fail(.notAnObject, at: path) }
            guard let elements = list("spans", of: scope, at: path) else { return }
            let scopeDigest = try scope.exactDigest(without: "spans")
            surroundings.append(SpanSurroundings(request: request, resource: resourceDigest, scope: scopeDigest))
            read(spans: elements, at: path)
            guard malformation == nil else { return }
        }
    }

    private mutating func read(spans elements: [JSONValue], at path: String) {
        for (index, element) in elements.enumerated() {
            guard let object = element.object else { return fail(.notAnObject, at: "\(path).spans[\(index)]") }
            do throws(ExportLineError) {
                spans.append((try TelemetrySpan(object), surroundings.count - 1))
            } catch {
                malformation = error.within("\(path).spans[\(index)]")
                return
            }
        }
    }

    /// A list that must be there, even if it is empty: spans under a misspelt name would vanish without a word.
    private mutating func list(_ name: String, of object: JSONObject, at path: String) -> [JSONValue]? {
        guard let value = object[name] else {
            fail(.missing, at: "\(path).\(name)")
            return nil
        }
        guard let elements = value.array else {
            fail(.notAnArray, at: "\(path).\(name)")
            return nil
        }
        return elements
    }

    private mutating func fail(_ reason: ExportLineError.Reason, at path: String) {
        malformation = ExportLineError(reason, at: path)
    }
}
