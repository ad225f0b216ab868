import Glibc
import Synchronization

/// Whether somebody asked this process to end: SIGTERM or SIGINT. A second time ends it at once.
enum StopRequest {
    private static let made = Atomic(false)

    static var isMade: Bool { made.load(ordering: .relaxed) }

    /// Begins to listen.
    static func listen() {
        // Made before a signal handler touches it.
        made.store(false, ordering: .relaxed)
        for number in [SIGTERM, SIGINT] {
            signal(number) { number in
                StopRequest.made.store(true, ordering: .relaxed)
                signal(number, SIG_DFL)
            }
        }
    }
}
