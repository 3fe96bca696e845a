import Glibc
import Testing

/// The public surface, compiled and run by a package that depends on this one and enables nothing.
///
/// It builds the library once more, so only where that is asked for.
@Suite(.timeLimit(.minutes(15)))
struct ClientPackageTests {
  static let isWanted = unsafe getenv("AMT_CLIENT_PACKAGE").map { unsafe String(cString: $0) } == "1"

  @Test(.enabled(if: isWanted, "builds the library again: set AMT_CLIENT_PACKAGE=1"))
  func `a package with Swift's defaults compiles against the library`() throws {
    let folder = Place.package + "/.build-client"
    let source = Place.package + "/Tests/AsyncMitogenTests/PublicSurface/PublicSurface.swift"
    try write(manifest, to: "Package.swift", in: folder)
    try write(program, to: "Sources/Client/Client.swift", in: folder)
    let copied = try ShellCommand("cp \(ShellCommand.quoted(source)) \(ShellCommand.quoted(folder))/Sources/Client/")
    try #require(copied.status == 0, "\(copied.output)")
    let built = try ShellCommand("cd \(ShellCommand.quoted(folder)) && swift run Client")
    #expect(built.status == 0, "\(built.output)")
    #expect(built.output.hasSuffix("2 + 3 = 5\n"), "\(built.output)")
  }

  private var manifest: String {
    let name = Place.package.split(separator: "/").last ?? ""
    return """
      // swift-tools-version: 6.2
      import PackageDescription

      let package = Package(
        name: "Client",
        dependencies: [.package(path: "..")],
        targets: [
          .executableTarget(
            name: "Client", dependencies: [.product(name: "AsyncMitogen", package: "\(name)")],
            swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)])
        ]
      )
      """
  }

  private let program = """
    import AsyncMitogen

    @main struct Client {
      static func main() async throws {
        try await withRouter { router in
          let child = try await router.local()
          let result = try await PublicSurface.calls(child)
          _ = try await PublicSurface.fanOut([child])
          _ = try await PublicSurface.services(child)
          print("2 + 3 = \\(result.2)")
        }
      }
    }
    """

  private func write(_ text: String, to name: String, in folder: String) throws {
    let path = ShellCommand.quoted(folder + "/" + name)
    let result = try ShellCommand(
      "mkdir -p \"$(dirname \(path))\" && printf '%s\\n' \(ShellCommand.quoted(text)) > \(path)")
    try #require(result.status == 0, "\(result.output)")
  }
}
