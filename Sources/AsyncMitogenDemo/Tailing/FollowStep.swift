/// What to do next with a file that is followed, and has been read up to some place.
enum FollowStep: Equatable {
  /// There is more to read.
  case read
  /// It is shorter than what has been read of it: it begins again.
  case restart
  /// Its name is another file's now.
  case reopen
  /// It has no name any more; whoever has it open may still write to it.
  case mourn
  /// Nothing has happened.
  case wait

  /// - Parameters:
  ///   - open: The file that is open.
  ///   - named: The one that has the name; nil if there is none.
  ///   - position: How much has been read.
  init(open: FileStatus, named: FileStatus?, position: Int) {
    if open.size > position {
      // Whatever became of its name: what has been written to it is read first.
      self = .read
    } else if let named, named.device != open.device || named.number != open.number {
      self = .reopen
    } else if open.size < position {
      self = .restart
    } else {
      self = named == nil ? .mourn : .wait
    }
  }
}
