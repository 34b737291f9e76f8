/** Dockerfiles to begin with, one a kind of program. Pure. */

/** What a folder tells of its program. */
export interface Program {
  /** Name of the folder, of the binary or the project file. */
  readonly name: string;
  /** Port that it listens on; empty for none. */
  readonly port: string;
  /** Names of the files beside the Dockerfile. */
  readonly files: readonly string[];
}

export interface Template {
  readonly label: string;
  /** Names of files that say that a folder holds such a program. */
  readonly signs: readonly RegExp[];
  readonly port: string;
  /** What is not sent to the engine. */
  readonly ignore: readonly string[];
  readonly dockerfile: (program: Program) => readonly string[];
}

const expose = ({ port }: Program): string[] => (port ? [`EXPOSE ${port}`] : []);
const has = ({ files }: Program, name: string): boolean => files.includes(name);

function node(program: Program): string[] {
  const [install, lock] = has(program, "yarn.lock")
    ? ["corepack enable && yarn install --frozen-lockfile", "yarn.lock "]
    : has(program, "pnpm-lock.yaml")
      ? ["corepack enable && pnpm install --frozen-lockfile --prod", "pnpm-lock.yaml "]
      : has(program, "package-lock.json")
        ? ["npm ci --omit=dev", "package-lock.json "]
        : ["npm install --omit=dev", ""];
  return [
    "FROM node:lts-alpine",
    "ENV NODE_ENV=production",
    "WORKDIR /app",
    `COPY package.json ${lock}./`,
    `RUN ${install}`,
    "COPY . .",
    "USER node",
    ...expose(program),
    'CMD ["npm", "start"]',
  ];
}

function python(program: Program): string[] {
  const requirements = has(program, "requirements.txt");
  const main = ["main.py", "app.py", "manage.py"].find((name) => has(program, name)) ?? "main.py";
  const command = main === "manage.py" ? ["python", main, "runserver", `0.0.0.0:${program.port || "8000"}`] : ["python", main];
  return [
    "FROM python:3-slim",
    "ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1",
    "WORKDIR /app",
    ...(requirements ? ["COPY requirements.txt ./", "RUN pip install --no-cache-dir -r requirements.txt"] : []),
    "COPY . .",
    ...(requirements ? [] : ["RUN pip install --no-cache-dir ."]),
    "RUN useradd --create-home app",
    "USER app",
    ...expose(program),
    `CMD ${JSON.stringify(command).replaceAll(",", ", ")}`,
  ];
}

const go = (program: Program): string[] => [
  "FROM golang:alpine AS build",
  "WORKDIR /src",
  `COPY go.mod ${has(program, "go.sum") ? "go.sum " : ""}./`,
  "RUN go mod download",
  "COPY . .",
  "RUN CGO_ENABLED=0 go build -o /app .",
  "",
  "FROM scratch",
  "COPY --from=build /app /app",
  "USER 65532:65532",
  ...expose(program),
  'ENTRYPOINT ["/app"]',
];

function java(program: Program): string[] {
  const maven = has(program, "pom.xml");
  return [
    maven ? "FROM maven:3-eclipse-temurin-21 AS build" : "FROM gradle:8-jdk21 AS build",
    "WORKDIR /src",
    "COPY . .",
    maven
      ? "RUN mvn -B -DskipTests package && cp target/*.jar /app.jar"
      : "RUN gradle --no-daemon assemble && cp build/libs/*.jar /app.jar",
    "",
    "FROM eclipse-temurin:21-jre",
    "COPY --from=build /app.jar /app.jar",
    "USER 65532:65532",
    ...expose(program),
    'ENTRYPOINT ["java", "-jar", "/app.jar"]',
  ];
}

/** A program alone in a small Debian. */
const inDebian = (program: Program): string[] => [
  "",
  "FROM debian:stable-slim",
  "COPY --from=build /app /usr/local/bin/app",
  "USER 65532:65532",
  ...expose(program),
  'ENTRYPOINT ["app"]',
];

const rust = (program: Program): string[] => [
  "FROM rust:slim AS build",
  "WORKDIR /src",
  "COPY . .",
  "RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \\",
  `    cargo build --release && cp target/release/${program.name} /app`,
  ...inDebian(program),
];

function dotnet(program: Program): string[] {
  const project = program.files.find((name) => /\.[cf]sproj$/.test(name)) ?? `${program.name}.csproj`;
  return [
    "FROM mcr.microsoft.com/dotnet/sdk:9.0 AS build",
    "WORKDIR /src",
    `COPY ["${project}", "./"]`,
    "RUN dotnet restore",
    "COPY . .",
    "RUN dotnet publish --no-restore -c Release -o /app",
    "",
    "FROM mcr.microsoft.com/dotnet/aspnet:9.0",
    "WORKDIR /app",
    "COPY --from=build /app .",
    "USER $APP_UID",
    ...expose(program),
    `ENTRYPOINT ["dotnet", "${project.replace(/\.[cf]sproj$/, "")}.dll"]`,
  ];
}

const ruby = (program: Program): string[] => [
  "FROM ruby:slim",
  "WORKDIR /app",
  `COPY Gemfile ${has(program, "Gemfile.lock") ? "Gemfile.lock " : ""}./`,
  "RUN bundle install",
  "COPY . .",
  "USER 65532:65532",
  ...expose(program),
  has(program, "config.ru")
    ? `CMD ["bundle", "exec", "rackup", "--host", "0.0.0.0", "--port", "${program.port || "9292"}"]`
    : 'CMD ["ruby", "main.rb"]',
];

const cpp = (program: Program): string[] => [
  "FROM gcc:latest AS build",
  ...(has(program, "CMakeLists.txt")
    ? ["RUN apt-get update && apt-get install -y --no-install-recommends cmake && rm -rf /var/lib/apt/lists/*"]
    : []),
  "WORKDIR /src",
  "COPY . .",
  has(program, "CMakeLists.txt")
    ? `RUN cmake -B build -DCMAKE_BUILD_TYPE=Release && cmake --build build && cp build/${program.name} /app`
    : `RUN make && cp ${program.name} /app`,
  ...inDebian(program),
];

const page = (program: Program): string[] => [
  "FROM busybox",
  "WORKDIR /www",
  "COPY . .",
  "USER 65532:65532",
  ...expose(program),
  `CMD ["httpd", "-f", "-v", "-p", "${program.port || "8080"}"]`,
];

const any = (program: Program): string[] => ["FROM debian:stable-slim", "WORKDIR /app", "COPY . .", ...expose(program), 'CMD ["sh"]'];

const COMMON = [".git", ".gitignore", ".vscode", "Dockerfile*", "compose*.yaml", "compose*.yml", ".dockerignore", ".env"];

/** In the order in which they are tried. */
export const templates: Readonly<Record<string, Template>> = {
  node: { label: "Node.js", signs: [/^package\.json$/], port: "3000", ignore: ["node_modules", "npm-debug.log*"], dockerfile: node },
  python: {
    label: "Python",
    signs: [/^(requirements\.txt|pyproject\.toml|setup\.py|manage\.py)$/],
    port: "8000",
    ignore: ["**/__pycache__", "*.pyc", ".venv", "venv"],
    dockerfile: python,
  },
  go: { label: "Go", signs: [/^go\.mod$/], port: "8080", ignore: ["bin"], dockerfile: go },
  java: {
    label: "Java",
    signs: [/^(pom\.xml|build\.gradle(\.kts)?)$/],
    port: "8080",
    ignore: ["target", "build", ".gradle"],
    dockerfile: java,
  },
  rust: { label: "Rust", signs: [/^Cargo\.toml$/], port: "8080", ignore: ["target"], dockerfile: rust },
  dotnet: { label: ".NET", signs: [/\.[cf]sproj$/], port: "8080", ignore: ["**/bin", "**/obj"], dockerfile: dotnet },
  ruby: { label: "Ruby", signs: [/^Gemfile$/], port: "9292", ignore: ["log", "tmp", "vendor/bundle"], dockerfile: ruby },
  cpp: { label: "C++", signs: [/^(CMakeLists\.txt|Makefile)$/], port: "", ignore: ["build", "*.o"], dockerfile: cpp },
  static: { label: "HTML", signs: [/^index\.html$/], port: "8080", ignore: [], dockerfile: page },
  other: { label: "…", signs: [], port: "", ignore: [], dockerfile: any },
};

/** The files, by name. */
export function filesOf(template: Template, program: Program, withCompose: boolean): Readonly<Record<string, string>> {
  const text = (lines: readonly string[]): string => `${lines.join("\n")}\n`;
  return {
    Dockerfile: text(template.dockerfile(program)),
    ".dockerignore": text([...COMMON, ...template.ignore]),
    ...(withCompose ? { "compose.yaml": text(composeLines(program)) } : {}),
  };
}

function composeLines({ name, port }: Program): string[] {
  const ports = port ? ["    ports:", `      - "127.0.0.1:${port}:${port}"`] : [];
  return ["services:", `  ${name}:`, "    build: .", "    init: true", ...ports, "    restart: unless-stopped"];
}
