internal import CAsyncMitogen
internal import Glibc

/// Who made the other end of a socket, as the system says: it cannot be made up.
public struct UnixCredentials: Sendable, Hashable {
  /// The process; 0 if it is none of this process namespace.
  public let processID: Int32
  /// The user that it acted as when it connected.
  public let userID: UInt32
  /// The group that it acted as when it connected.
  public let groupID: UInt32

  /// Makes credentials.
  public init(processID: Int32, userID: UInt32, groupID: UInt32) {
    self.processID = processID
    self.userID = userID
    self.groupID = groupID
  }

  init(of socket: FileDescriptor) throws(SystemError) {
    var found = amt_credentials()
    _ = unsafe try SystemError.check("SO_PEERCRED", amt_peer_credentials(socket.number, &found))
    self.init(processID: found.process, userID: found.user, groupID: found.group)
  }
}

/// On whose authority a process acts that has joined a tree.
public enum UnixPeerAuthority: Sendable, Hashable {
  /// On that of the context that listens: it may do what that context may, and call functions in it. As in Mitogen.
  case listener
  /// On its own, as a child does: it may call services that let it, and send to those who listen to everybody.
  case own
}

/// Says who may join a tree through a socket, and as what.
///
/// Asked once for each connection, before anything is read from it. A client asks the same of the listener; there it
/// only counts whether there is an answer.
public struct UnixPeerPolicy: Sendable {
  private let decide: @Sendable (UnixCredentials) -> UnixPeerAuthority?

  /// Makes a policy of your own.
  ///
  /// - Parameter decide: Gets who made the other end; returns nil to have nothing to do with it. Must not block.
  public init(_ decide: @escaping @Sendable (UnixCredentials) -> UnixPeerAuthority?) { self.decide = decide }

  /// The user that this process acts as, and root, with the authority of the context that listens; nobody else.
  public static let sameUser = UnixPeerPolicy { credentials in
    credentials.userID == geteuid() || credentials.userID == 0 ? .listener : nil
  }

  /// These users, with this authority, and those whom ``sameUser`` lets in. The socket's mode has to let them in too.
  public static func users(_ users: Set<UInt32>, authority: UnixPeerAuthority = .own) -> UnixPeerPolicy {
    UnixPeerPolicy { credentials in
      sameUser.authority(of: credentials) ?? (users.contains(credentials.userID) ? authority : nil)
    }
  }

  /// All whom the socket's mode lets in: on their own authority, but for those whom ``sameUser`` lets in.
  public static let everybody = UnixPeerPolicy { sameUser.authority(of: $0) ?? .own }

  /// On whose authority somebody acts; nil if it is not let in.
  public func authority(of credentials: UnixCredentials) -> UnixPeerAuthority? { decide(credentials) }
}
