internal import CryptoPrimitives
internal import Synchronization
internal import Transparency

/// The Merkle tree of a window's events, in parts that any number of threads take from a pile.
final class WindowTree: Sendable {
    private let window: Window
    private let parts: [Range<Int>]
    /// Sizes, in ascending order, at which the root is asked for.
    private let sizes: [UInt64]
    private let next = Atomic<Int>(0)
    private let done: Mutex<[Int: Part]>

    /// A part: all of it, and what it was when the tree had a size that is asked for.
    private struct Part: Sendable {
        var range = CompactRange()
        var prefixes: [(size: UInt64, range: CompactRange)] = []
    }

    /// About as many events as one takes at once.
    private static let partEventCount = 2048

    init(_ window: Window, rootsAt sizes: [UInt64]) {
        self.window = window
        self.sizes = sizes
        var parts: [Range<Int>] = []
        var (start, events) = (0, 0)
        for (place, block) in window.blocks.enumerated() {
            events += block.count
            if events >= Self.partEventCount {
                parts.append(start..<(place + 1))
                (start, events) = (place + 1, 0)
            }
        }
        if start < window.blocks.count { parts.append(start..<window.blocks.count) }
        self.parts = parts
        done = Mutex([:])
    }

    /// Takes parts until none is left.
    func work() {
        while true {
            let number = next.add(1, ordering: .relaxed).oldValue
            guard number < parts.count else { return }
            let part = hash(parts[number])
            done.withLock { $0[number] = part }
        }
    }

    /// Adds the window to the tree to its left, when all work is done, and hands out the roots that were asked for.
    func join(to tree: inout CompactRange, _ root: (UInt64, SHA256Digest) -> Void) {
        done.withLock { done in
            for number in parts.indices {
                guard let part = done[number] else { preconditionFailure("all parts were hashed") }
                for prefix in part.prefixes {
                    var whole = tree
                    whole.append(prefix.range)
                    root(prefix.size, whole.root)
                }
                tree.append(part.range)
            }
        }
    }

    private func hash(_ blocks: Range<Int>) -> Part {
        var part = Part()
        let first = window.blocks[blocks.lowerBound].firstSequence
        var wanted = sizes[(sizes.firstIndex { $0 > first } ?? sizes.endIndex)...]
        var entry = LeafEntry()
        for block in window.blocks[blocks] {
            var (refused, committed) = (0, 0)
            for index in 0..<block.count {
                var status = BlockView.created
                if refused < block.refusedCount {
                    let refusal = block.refusal(refused, in: window.bytes)
                    if refusal.index == index {
                        status = refusal.status
                        refused += 1
                    }
                }
                var commitment: Int?
                if committed < block.commitmentCount {
                    let next = block.commitment(committed, in: window.bytes)
                    if next.index == index {
                        commitment = next.offset
                        committed += 1
                    }
                }
                let sequence = block.sequence(at: index)
                let hash = entry.hash(
                    window.bytes, record: block.record(at: index), operation: UInt8(block.operation.rawValue), status,
                    commitment: commitment)
                part.range.append(leaf: sequence, hash)
                if wanted.first == sequence + 1 {
                    part.prefixes.append((sequence + 1, part.range))
                    wanted.removeFirst()
                }
            }
        }
        return part
    }
}

/// What the tree says of an event: its record (128), the operation (1), the status (4) and, if it has details, the
/// commitment to them (32).
private struct LeafEntry {
    private var entry = [UInt8](repeating: 0, count: 128 + 1 + 4 + 32)

    mutating func hash(
        _ bytes: [UInt8], record: Int, operation: UInt8, _ status: UInt32, commitment: Int?
    ) -> SHA256Digest {
        precondition(
            record + 128 <= bytes.count && (commitment ?? 0) + 32 <= bytes.count, "an entry outside the window")
        unsafe entry.withUnsafeMutableBytes { entry in
            unsafe bytes.withUnsafeBytes { bytes in
                unsafe entry.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[record..<(record + 128)]))
                unsafe entry[128] = operation
                unsafe entry.storeBytes(of: status.littleEndian, toByteOffset: 129, as: UInt32.self)
                if let commitment {
                    unsafe UnsafeMutableRawBufferPointer(rebasing: entry[133...]).copyMemory(
                        from: UnsafeRawBufferPointer(rebasing: bytes[commitment..<(commitment + 32)]))
                }
            }
        }
        let count = commitment == nil ? 133 : 165
        return unsafe MerkleHash.leaf(entry.span.bytes.extracting(0..<count))
    }
}
