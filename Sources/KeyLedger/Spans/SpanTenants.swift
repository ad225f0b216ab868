/// Which tenant each span of a file belongs to.
///
/// Instrumentation puts the attribute `tenant.id` on some spans only. A span without it belongs to the tenant of its
/// nearest ancestor that has one. Above the first span that names a tenant (the client call that started the trace)
/// there is no such ancestor: there, the tenant is the one that all declarations of the trace agree on. Where they
/// differ, such a span has no tenant, and neither has a span of a trace that names none: nothing is guessed, because
/// the tenant decides whose key is used.
///
/// ```swift
/// var collector = SpanTenants.Collector()
/// for line in lines { collector.collect(line) }
/// let tenants = collector.resolve()
/// ```
///
/// Spans may come in any order, so all of them have to be seen before the first answer.
public struct SpanTenants: Sendable {
    private let places: [Place: Int32]
    private let tenants: [TenantNumber]
    /// The tenants that spans name, in the order of their first appearance.
    public let names: [String]

    /// The tenant of this span; nil if it has none, or if it was not collected.
    public func tenant(ofTraceID traceID: TraceID, spanID: SpanID) -> String? {
        guard let index = places[Place(trace: traceID, span: spanID)] else { return nil }
        return tenants[Int(index)].name(in: names)
    }

    /// The tenant of this span; nil if it has none, or if it was not collected.
    public func tenant(of span: TelemetrySpan) -> String? { tenant(ofTraceID: span.traceID, spanID: span.spanID) }

    fileprivate struct Place: Hashable, Sendable {
        let trace: TraceID
        let span: SpanID
    }

    /// An index into the names, or one of two negative numbers.
    fileprivate struct TenantNumber: Hashable, Sendable {
        let value: Int32

        static let none = TenantNumber(value: -1)
        static let contradictory = TenantNumber(value: -2)

        func name(in names: [String]) -> String? { value < 0 ? nil : names[Int(value)] }
    }
}

extension SpanTenants {
    /// The first pass over a file. Keeps some tens of bytes for each span, and nothing of its content.
    public struct Collector: Sendable {
        private var places: [Place: Int32] = [:]
        private var spans: [Collected] = []
        private var names: [String] = []
        private var numbers: [[UInt8]: Int32] = [:]

        /// What a span says about itself.
        private struct Collected: Equatable, Sendable {
            let trace: TraceID
            let parent: SpanID?
            var tenant: TenantNumber
        }

        /// A collector that has seen nothing.
        public init() {}

        /// Takes note of all spans of a line.
        public mutating func collect(_ line: ExportLine) {
            for span in line { collect(span) }
        }

        /// Takes note of a span.
        ///
        /// The same span may be collected again. Another span under the same ids makes both of them contradictory:
        /// they have no tenant.
        public mutating func collect(_ span: TelemetrySpan) {
            let collected = Collected(
                trace: span.traceID, parent: span.parentSpanID, tenant: number(for: span.tenantDeclaration))
            let place = Place(trace: span.traceID, span: span.spanID)
            if let known = places[place] {
                if spans[Int(known)] != collected { spans[Int(known)].tenant = .contradictory }
            } else {
                places[place] = Int32(spans.count)
                spans.append(collected)
            }
        }

        private mutating func number(for declaration: TelemetrySpan.TenantDeclaration) -> TenantNumber {
            switch declaration {
            case .none: return .none
            case .contradictory: return .contradictory
            case .tenant(let name):
                // By bytes: `String` would merge tenants whose names are Unicode-equivalent.
                let key = Array(name.utf8)
                if let known = numbers[key] { return TenantNumber(value: known) }
                let number = Int32(names.count)
                numbers[key] = number
                names.append(name)
                return TenantNumber(value: number)
            }
        }

        /// The answers for everything collected so far, in time proportional to the number of spans.
        public func resolve() -> SpanTenants {
            var tenants = spans.map(\.tenant)
            inherit(&tenants)
            let agreed = agreedTenants
            for (index, span) in spans.enumerated() where tenants[index] == .none {
                tenants[index] = agreed[span.trace] ?? .none
            }
            return SpanTenants(places: places, tenants: tenants, names: names)
        }

        /// Gives every span without a declaration the number of its nearest ancestor with one.
        private func inherit(_ tenants: inout [TenantNumber]) {
            var isResolved = tenants.map { $0 != .none }
            for start in spans.indices where !isResolved[start] {
                // Marking a span before its ancestors are known ends the walk around a cycle of parents.
                var path: [Int] = []
                var current: Int? = start
                while let index = current, !isResolved[index] {
                    isResolved[index] = true
                    path.append(index)
                    current = parent(of: index)
                }
                guard let ancestor = current else { continue }
                for index in path { tenants[index] = tenants[ancestor] }
            }
        }

        private func parent(of index: Int) -> Int? {
            guard let parent = spans[index].parent else { return nil }
            return places[Place(trace: spans[index].trace, span: parent)].map(Int.init)
        }

        /// The one tenant that all declarations in a trace agree on.
        private var agreedTenants: [TraceID: TenantNumber] {
            var agreed: [TraceID: TenantNumber] = [:]
            for span in spans where span.tenant != .none {
                agreed[span.trace] =
                    agreed[span.trace, default: span.tenant] == span.tenant ? span.tenant : .contradictory
            }
            return agreed
        }
    }
}
