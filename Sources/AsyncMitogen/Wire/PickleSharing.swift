/// What the values of a payload are whose parts are referred to from more than one place.
struct PickleSharing {
  private let arena: PickleArena
  private var values: [PickleArena.Value] { arena.values }

  init(_ arena: PickleArena) { self.arena = arena }

  /// Refuses cycles, and values that would be far larger than the message when each reference is followed.
  func check() throws(StreamError) {
    let limit = max(PickleLimits.expandedValues, arena.input.count * PickleLimits.expansion)
    enum State: UInt8 { case new, open, done }
    var states = [State](repeating: .new, count: values.count)
    var weights = [Int](repeating: 1, count: values.count)
    var depths = [Int](repeating: 0, count: values.count)
    // How many bytes of text and the like there would be, if each reference were a copy.
    let contentLimit = max(PickleLimits.expandedBytes, arena.input.count * PickleLimits.expansion)
    var contents = values.map { value in
      switch value.kind {
      case .string, .bytes, .latin1, .bigInteger: Int(value.second)
      default: 0
      }
    }
    for root in arena.roots {
      var path: [(index: Int, next: Int)] = [(Int(root), 0)]
      while let (index, next) = path.last {
        let children = children(of: index)
        if states[index] == .new { states[index] = .open }
        if next < children.count {
          path[path.count - 1].next += 1
          let child = Int(child(of: index, next))
          switch states[child] {
          case .new: path.append((child, 0))
          case .open: throw invalid("a value that contains itself")
          case .done: break
          }
          guard path.count <= PickleLimits.depth + 8 else { throw invalid("nested deeper than \(PickleLimits.depth)") }
        } else {
          for offset in children.indices {
            let child = Int(child(of: index, offset))
            weights[index] += weights[child]
            contents[index] += contents[child]
            depths[index] = max(depths[index], depths[child] + 1)
            guard weights[index] <= limit, contents[index] <= contentLimit else {
              throw invalid("its parts refer to each other too often")
            }
          }
          guard depths[index] <= PickleLimits.depth + 8 else {
            throw invalid("nested deeper than \(PickleLimits.depth)")
          }
          states[index] = .done
          path.removeLast()
        }
      }
    }
  }

  private func children(of index: Int) -> Range<Int> {
    let value = values[index]
    switch value.kind {
    case .list, .tuple, .dictionary: return 0..<Int(value.second)
    case .blob, .secret, .keywords, .callError: return 0..<1
    case .context, .sender: return 0..<2
    default: return 0..<0
    }
  }

  private func child(of index: Int, _ position: Int) -> UInt32 {
    let value = values[index]
    switch value.kind {
    case .list, .tuple, .dictionary: return arena.members[Int(value.first) + position]
    default: return position == 0 ? value.first : value.second
    }
  }

  private func invalid(_ text: String) -> StreamError { StreamError("invalid message: \(text)") }
}
