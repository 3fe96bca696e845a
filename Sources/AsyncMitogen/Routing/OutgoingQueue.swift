/// The bytes that a stream has yet to write, in pieces that one system call can gather.
///
/// Small messages are copied one behind the other into a piece; a large payload is a piece of its own and is not
/// copied. Messages in bulk go when nothing else waits, one at a time: however many there are, another waits for one of
/// them at most. Pure.
struct OutgoingQueue: Sendable {
  /// A payload from this size on is a piece of its own.
  static let largePayload = 16_384
  /// How many pieces one system call is offered.
  static let pieceLimit = 16
  /// A piece of small messages is not added to beyond this.
  private static let fullPiece = 65_536

  private var pieces: [[UInt8]] = []
  private var head = 0
  /// How much of the first piece is written.
  private var offset = 0
  /// Whether the last piece may be added to.
  private var isOpen = false
  private var spare: [UInt8] = []
  /// What goes when there are no pieces any more; empty if there are none.
  private var bulk = RingBuffer<Message>()
  /// How many bytes wait.
  private(set) var count = 0

  /// Whether nothing waits.
  var isEmpty: Bool { count == 0 }

  /// Adds a message behind all others of its kind.
  mutating func append(_ message: Message) {
    count += MessageHeader.size + message.payload.count
    if message.isBulk, !pieces.isEmpty {
      bulk.append(message)
    } else {
      addPieces(message)
    }
  }

  private mutating func addPieces(_ message: Message) {
    openPiece()
    let last = pieces.count - 1
    pieces[last].append(addingCapacity: MessageHeader.size) { span in
      unsafe span.withUnsafeMutableBufferPointer { buffer, filled in
        unsafe MessageHeader(message).write(to: UnsafeMutableRawBufferPointer(buffer))
        filled = MessageHeader.size
      }
    }
    if message.payload.count >= OutgoingQueue.largePayload {
      _ = LargePayloads.prepared
      pieces.append(message.payload)
      isOpen = false
    } else {
      pieces[last].append(contentsOf: message.payload)
      isOpen = pieces[last].count < OutgoingQueue.fullPiece
    }
  }

  /// Adds bytes that are not a message, such as what a bootstrap sends.
  mutating func append(_ bytes: [UInt8]) {
    guard !bytes.isEmpty else { return }
    count += bytes.count
    pieces.append(bytes)
    isOpen = false
  }

  /// Whether all that waits is one piece.
  var isOnePiece: Bool { pieces.count - head == 1 }

  /// As ``withPieces(limit:_:)``, for one piece.
  mutating func withFirstPiece(_ body: (_ piece: [UInt8], _ offset: Int) -> Int) {
    let taken = body(pieces[head], offset)
    if taken > 0 { remove(taken) }
  }

  /// Offers the first pieces, at most `limit`, to `body`, which returns how many bytes it has taken.
  mutating func withPieces(limit: Int = pieceLimit, _ body: (ArraySlice<[UInt8]>, _ offset: Int) -> Int) -> Int {
    guard !isEmpty else { return 0 }
    let taken = body(pieces[head..<min(pieces.count, head + limit)], offset)
    if taken > 0 { remove(taken) }
    return taken
  }

  /// Forgets everything.
  mutating func removeAll() { self = OutgoingQueue() }

  private mutating func openPiece() {
    guard !isOpen || pieces.isEmpty else { return }
    var piece: [UInt8] = []
    swap(&piece, &spare)
    if piece.capacity == 0 { piece.reserveCapacity(1_024) }
    pieces.append(piece)
    isOpen = true
  }

  private mutating func remove(_ taken: Int) {
    count -= taken
    var left = taken + offset
    while head < pieces.count, left >= pieces[head].count {
      left -= pieces[head].count
      if head == pieces.count - 1 {
        // The last piece is kept for its memory, if it was one of small messages.
        if isOpen, pieces[head].capacity <= OutgoingQueue.fullPiece * 2 {
          swap(&spare, &pieces[head])
          spare.removeAll(keepingCapacity: true)
        }
        pieces.removeAll(keepingCapacity: true)
        (head, offset, isOpen) = (0, 0, false)
        if let message = bulk.popFirst() { addPieces(message) }
        return
      }
      pieces[head] = []
      head += 1
    }
    offset = left
    if head > 64 {
      pieces.removeFirst(head)
      head = 0
    }
  }
}
