internal import AsyncMitogen

/// Shows on standard error how far transfers are: on a terminal lines that change, elsewhere one from time to time.
actor TransferDisplay {
  private var board: TransferBoard
  private var table = LiveTable(stream: .error)
  private let stream = StandardStream.error
  private let start = ContinuousClock.now

  private init(_ board: TransferBoard) { self.board = board }

  /// Runs a body whose transfers are shown; on a terminal nothing is left of that when it is done.
  static func showing<Result: Sendable>(
    _ board: TransferBoard, _ body: (TransferDisplay) async throws -> Result
  ) async rethrows -> Result {
    let display = TransferDisplay(board)
    // Cancelled, and waited for, when the body is done.
    async let _: Void = display.show()
    return try await body(display)
  }

  /// So much of a transfer is there.
  func move(_ id: TransferBoard.ID, to position: Int, of size: Int) { board.move(id, to: position, of: size) }

  /// A transfer is over.
  func end(_ id: TransferBoard.ID, isDone: Bool) { board.end(id, isDone: isDone) }

  private func show() async {
    let pause = stream.isDecorated ? Duration.milliseconds(100) : .seconds(10)
    while (try? await Task.sleep(for: pause)) != nil {
      board.measure(at: start.duration(to: .now))
      // Whether progress is seen decides nothing.
      if stream.isDecorated {
        // One column stays free: some terminals wrap when the last one is written.
        let lines = board.lines(fitting: (stream.columns ?? 80) - 1, count: (stream.rows ?? 24) - 1)
        try? table.show(lines)
      } else {
        try? stream.write(lines: [board.summary])
      }
    }
    if stream.isDecorated { try? table.show([]) }
  }
}
