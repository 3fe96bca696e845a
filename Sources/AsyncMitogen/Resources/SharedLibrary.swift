internal import CAsyncMitogen
internal import Synchronization

/// A shared library that came as a resource of the tree's root, and is loaded into this process: as near as a compiled
/// program comes to importing code that did not exist when it was built.
///
/// The root registers it (``Resources/register(file:as:in:)``); a context loads it itself, or is told to
/// (``Context/load(library:in:anyBuild:timeout:)``). Types of it that are a ``RemoteFunction`` or a ``Service`` can be called
/// by their names from then on, if the program was linked so that libraries can use its symbols
/// (`-Xlinker --export-dynamic`); functions with C names are found by ``address(of:)`` in any case. It stays for as long as the process: Swift's run
/// time cannot forget code.
///
/// Programs that are linked with `-static-executable` have no loader and can load nothing.
public struct SharedLibrary: Sendable, Hashable {
  /// What it is called as a resource.
  public let name: String
  /// The build identifier that its linker has given it, in hexadecimal; nil if it has none.
  public let buildIdentifier: String?
  /// What the loader calls it; never closed, so that it stands for the library as long as the process lasts.
  private let handle: UInt

  /// Whether this process can load libraries at all.
  public static var isSupported: Bool { amt_can_load_libraries() != 0 }

  /// The libraries that have been loaded into this process in this way, in order.
  public static var loaded: [SharedLibrary] { all.withLock { $0.map(\.library) } }

  private static let all = Mutex<[(digest: [UInt8], library: SharedLibrary)]>([])
  private static let loading = Mutex(())
  /// How many a process loads.
  private static let limit = 1_024

  /// Gets a library from the root and loads it, unless one of the same content is loaded already.
  ///
  /// What runs when it is loaded runs in the calling task.
  ///
  /// - Parameters:
  ///   - anyBuild: Whether it fits every build of this program, since it uses nothing of it. Off by default: then this
  ///     process must be of the root's build, for which the library was made.
  ///   - timeout: How long to wait for it to come; nil, the default, waits as long as the parent is there.
  /// - Throws: ``ResourceError`` if there is none, it is for another type of machine or another build, or the loader refuses
  ///   it, with the loader's text; ``TimeoutError``, `CancellationError`, ``ChannelError``.
  @discardableResult
  public static func load(
    _ name: String, in package: String = "", from router: Router, anyBuild: Bool = false, timeout: Duration? = nil
  ) async throws -> SharedLibrary {
    let resource = ResourceName(package: package, name: name)
    if !anyBuild { try await checkBuild(resource, router, timeout) }
    return try load(try await router.resources.get(name, in: package, timeout: timeout), as: resource)
  }

  /// Where something begins that has this name in the library, as `dlsym` finds it; nil if there is nothing of that name.
  public func address(of symbol: String) -> UnsafeMutableRawPointer? {
    unsafe amt_library_symbol(UnsafeMutableRawPointer(bitPattern: handle), symbol)
  }

  private static func checkBuild(_ name: ResourceName, _ router: Router, _ timeout: Duration?) async throws {
    let build = try await router.resources.get(
      ResourceName.build.name, in: ResourceName.build.package, timeout: timeout)
    guard build == Array(ImageIdentity.own.text.utf8) else {
      throw ResourceError(.notLoadable, name, detail: "it was made for another build of the program than runs here")
    }
  }

  private static func load(_ bytes: [UInt8], as name: ResourceName) throws -> SharedLibrary {
    let elf = try check(bytes, name)
    var digest = Blake3()
    digest.update(bytes)
    let identity = digest.finish()
    // The loader takes one after the other anyway. What runs when a library is loaded may ask for those that are.
    return try loading.withLock { _ in
      let known = all.withLock { $0 }
      if let same = known.first(where: { $0.digest == identity }) { return same.library }
      guard known.count < limit else { throw ResourceError(.limit, name) }
      var reason = [CChar](repeating: 0, count: 1_024)
      guard let loaded = unsafe amt_load_library(name.name, bytes, bytes.count, &reason, reason.count) else {
        let text = String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        throw ResourceError(.notLoadable, name, detail: text)
      }
      let identifier = elf.buildIdentifier.map(ImageIdentity.hexadecimal)
      let library = SharedLibrary(name: name.name, buildIdentifier: identifier, handle: UInt(bitPattern: loaded))
      all.withLock { $0.append((identity, library)) }
      return library
    }
  }

  /// The loader would say less well what is wrong, or nothing.
  private static func check(_ bytes: [UInt8], _ name: ResourceName) throws -> ELFImage {
    guard let elf = ELFImage(bytes), elf.isShared else {
      throw ResourceError(.notLoadable, name, detail: "it is no shared library")
    }
    guard elf.isWhole else { throw ResourceError(.notLoadable, name, detail: "its end is missing") }
    guard elf.machine == ELFMachine.own else {
      throw ResourceError(
        .notLoadable, name, detail: "it is for \(elf.machine.name), and this machine is \(ELFMachine.own.name)")
    }
    guard isSupported else {
      throw ResourceError(
        .notLoadable, name, detail: "this program is static and has no loader; build it without -static-executable")
    }
    return elf
  }
}

extension Context {
  /// Loads a shared library there that the root of the tree has registered; see ``SharedLibrary``.
  ///
  /// - Throws: As ``SharedLibrary/load(_:in:from:anyBuild:timeout:)``, as a ``CallError`` that is
  ///   `thrown(as: ResourceError.self)`; ``ChannelError`` if the context is gone.
  public func load(
    library name: String, in package: String = "", anyBuild: Bool = false, timeout: Duration? = nil
  ) async throws {
    _ = try await call(LoadLibrary(name: name, package: package, anyBuild: anyBuild), timeout: timeout)
  }
}

/// Loads a library where it is called.
struct LoadLibrary: RemoteFunction {
  var name: String
  var package: String
  var anyBuild: Bool

  func callAsFunction() async throws -> Bool {
    guard let router = ExternalContext.current?.router else { return false }
    try await SharedLibrary.load(name, in: package, from: router, anyBuild: anyBuild)
    return true
  }
}
