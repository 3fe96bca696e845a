// swift-tools-version: 6.3
import PackageDescription

/// The settings of every Swift target.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),  // `any P` is visible where it costs.
  .enableUpcomingFeature("InternalImportsByDefault"),  // Imports do not leak into the API.
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),  // Async helpers stay on the caller's actor.
  .enableUpcomingFeature("InferIsolatedConformances"),
  .enableUpcomingFeature("ImmutableWeakCaptures"),
  .strictMemorySafety(),  // Every unsafe use says `unsafe`.
  .treatAllWarnings(as: .error),
]

let package = Package(
  name: "AsyncMitogen",
  products: [
    .library(name: "AsyncMitogen", targets: ["AsyncMitogen"]),
    .executable(name: "AsyncMitogenDemo", targets: ["AsyncMitogenDemo"]),
  ],
  targets: [
    // What Swift cannot see or must not run: epoll, descriptors with flags, spawning, the constructor.
    .target(name: "CAsyncMitogen"),
    // What the demo's benchmark compares with: the same processes and sockets in plain C.
    .target(name: "CAsyncMitogenFloor"),
    // Packed programs, which unpack themselves: what both sides of packing share. Docs/pack builds the rest.
    .target(name: "CAsyncMitogenPack", exclude: ["Stub", "Tool"]),
    .target(name: "AsyncMitogen", dependencies: ["CAsyncMitogen"], swiftSettings: strict),
    .executableTarget(
      name: "AsyncMitogenDemo", dependencies: ["AsyncMitogen", "CAsyncMitogen", "CAsyncMitogenFloor"],
      swiftSettings: strict),
    .testTarget(
      name: "AsyncMitogenTests",
      dependencies: ["AsyncMitogen", "AsyncMitogenDemo", "CAsyncMitogen", "CAsyncMitogenPack"],
      swiftSettings: strict),
  ]
)
