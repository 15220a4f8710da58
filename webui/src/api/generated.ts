// Made by tools/generate.mjs from the daemon's API document: `npm run generate` makes it anew.

export interface AuditList {
  items: AuditListItems[];
}

export interface AuditListItems {
  seq: number;
  time: string;
  who: string;
  address?: string | null;
  action: string;
  object?: string | null;
  outcome: string;
  detail?: string | null;
  hash: string;
}

export interface AuditVerdict {
  ok: boolean;
  records: number;
  head: string;
  broken_at?: number;
  reason?: string;
}

export interface Binding {
  metadata: Metadata;
  spec: BindingSpec;
}

export interface BindingInput {
  metadata?: MetadataInput;
  spec: BindingSpec;
  /** Ignored: what was got can be sent back. */
  status?: Record<string, unknown>;
}

/** Gives a role to somebody, on some resources. */
export interface BindingSpec {
  /** Who gets the role. */
  subject: string;
  /** admin, operator, viewer or a role of your own. */
  role: string;
  /** On which resources: / is all, * stands for anything within a name. */
  path?: string;
  /** Only on resources with all of these labels. */
  selector?: Record<string, string>;
}

/** A look into a guest. */
export interface ConsoleInput {
  /** vnc: a VM's screen; serial: a VM's serial port or a container's console; shell: a new shell in a container; log: what the guest wrote and writes to its console. */
  kind: "vnc" | "serial" | "shell" | "log";
  /** Width of the terminal; 80 when left out. */
  columns?: number;
  /** Height of the terminal; 24 when left out. */
  rows?: number;
  /** Only look, never type. */
  read_only?: boolean;
  /** shell: program and arguments to run instead of a login shell. */
  command?: string[];
}

export interface Guest {
  metadata: Metadata;
  spec: GuestSpec;
  status: GuestStatus;
}

/** How a guest starts. */
export interface GuestBoot {
  /** Guests start with the host in this order and shut down in the reverse one. */
  order?: number;
  /** Container: program and arguments to run instead of /sbin/init. A running guest takes it up at its next start. */
  init?: string[];
}

/** Processors of a guest. */
export interface GuestCpu {
  /** Virtual CPUs of a VM; how many CPUs' time a container may use. A running guest takes it up at its next start. */
  cores?: number;
}

/** A disk of a guest; the first one is what it boots from, or a container's root. */
export interface GuestDiskSpec {
  /** Name within the guest. */
  name: string;
  /** Pool that the volume is made in. Fixed at creation. */
  pool?: string;
  /** Size in bytes; the image's when left out; can grow, not shrink. */
  size?: number;
  /** Image that the volume is filled from. Fixed at creation. */
  image?: string;
  /** An existing volume instead of a new one. Fixed at creation. */
  volume?: string;
  /** The guest cannot write to it. A running guest takes it up at its next start. */
  read_only?: boolean;
}

export interface GuestInput {
  metadata?: MetadataInput;
  spec: GuestSpec;
  /** Ignored: what was got can be sent back. */
  status?: Record<string, unknown>;
}

/** A network card of a guest. */
export interface GuestNicSpec {
  /** Name within the guest; the link's name in a container. */
  name: string;
  /** Network that it is plugged into. A running guest takes it up at its next start. */
  network?: string;
  /** Hardware address; one is chosen and kept when left out. A running guest takes it up at its next start. */
  mac?: string;
  /** Addresses that the guest sets itself on a network that gives out addresses, besides the one it is given; it can use no others. A running guest takes it up at its next start. */
  addresses?: string[];
  /** Let the guest send under any hardware and network address, tagged frames, router advertisements and DHCP answers: for bridges and routers inside it. A running guest takes it up at its next start. */
  spoofing?: boolean;
}

/** A virtual machine or container as its user wants it. */
export interface GuestSpec {
  /** Virtual machine or system container. Fixed at creation. */
  type: "vm" | "container";
  /** After a host boot: the state it had, always running, or only by hand. */
  run?: "last" | "always" | "manual";
  /** Processors. */
  cpu?: GuestCpu;
  /** Memory in bytes. A running guest takes it up at its next start. */
  memory?: number;
  /** Disks. */
  disks?: GuestDiskSpec[];
  /** Network cards. A running guest takes it up at its next start. */
  nics?: GuestNicSpec[];
  /** How it starts. */
  boot?: GuestBoot;
  /** Refuse to delete the guest and its disks. */
  protection?: boolean;
}

/** A guest as it is. */
export interface GuestStatus {
  /** What it does. */
  state: "unknown" | "stopped" | "running" | "paused" | "blocked" | "crashed" | "creating" | "deleting";
  /** Why it is in this state. */
  cause?: "guest" | "started" | "stopped" | "failed" | "io-error";
  /** More about the cause. */
  detail?: string;
  /** Since when it is in this state. */
  since?: string;
  /** The power state that is wanted. */
  desired: StatusDesired;
  /** Host that it is on. */
  node: string;
  /** Addresses that it got from a network of this host, and those that a container has besides. */
  addresses: string[];
  /** VM: tcg is slow software emulation. */
  accelerator?: "kvm" | "tcg";
  /** While it runs. */
  cpu?: StatusCpu;
  /** While it runs. */
  memory?: StatusMemory;
  /** While it runs. */
  disk?: StatusIo;
  /** While it runs. */
  net?: StatusNet;
  /** Fields, as JSON pointers, that differ from what the running guest was started with: it takes them up at its next start. */
  pending_restart?: string[];
  /** The task that works on it. */
  task?: string;
  /** Disks as they are. */
  disks: StatusDisk[];
  /** Network cards as they are. */
  nics: StatusNic[];
  /** The spec with every default filled in; not in lists and events. */
  effective?: GuestSpec;
}

export interface Image {
  metadata: Metadata;
  spec: ImageSpec;
  status: ImageStatus;
}

export interface ImageInput {
  metadata?: MetadataInput;
  spec: ImageSpec;
  /** Ignored: what was got can be sent back. */
  status?: Record<string, unknown>;
}

/** Where an image comes from. */
export interface ImageSource {
  /** A file on the host. */
  file?: string;
  /** A download; a user and password before the host are used once and never shown. */
  url?: string;
  /** A whole upload: see POST /images/{name}/uploads. */
  upload?: string;
}

/** What new volumes are filled from. */
export interface ImageSpec {
  /** qcow2 and raw for virtual machines; tar, also compressed, for containers. Fixed at creation. */
  format: "qcow2" | "raw" | "tar";
  /** Where it comes from. Fixed at creation. */
  source: ImageSource;
  /** Refuse the source when its hash is another. Fixed at creation. */
  sha256?: string;
}

/** An image as it is. */
export interface ImageStatus {
  /** ready: volumes can be made of it. */
  state: "ready" | "creating" | "deleting" | "trashed" | "failed";
  /** Bytes that it takes. */
  size: number;
  /** Bytes that a volume of it needs at least. */
  virtual_size: number;
  /** Hash of what was imported. */
  sha256?: string;
  /** The task that works on it. */
  task?: string;
}

export interface Login {
  user: string;
  /** X-Lodge-CSRF of every change. */
  csrf: string;
  expires: string;
}

/** Signing in. */
export interface LoginInput {
  /** User name. */
  user: string;
  /** Password. */
  password: string;
  /** One-time code, where the user has a second factor. */
  otp?: string;
}

/** What people say about a resource. */
export interface Metadata {
  /** Unique among resources of its kind. */
  name: string;
  /** Keys and values to find and select resources by. */
  labels: Record<string, string>;
  /** Free text for people. */
  description?: string;
  /** Identity that a rename does not change. */
  uuid: string;
  /** Of the last change; sent back it acts as If-Match. */
  revision: number;
  /** When it was made. */
  created: string;
  /** When it was last changed. */
  modified: string;
}

/** What people say about a resource. */
export interface MetadataInput {
  /** Another name renames the resource. */
  name?: string;
  /** Keys and values to find and select resources by. */
  labels?: Record<string, string>;
  /** Free text for people. */
  description?: string;
  /** Identity that a rename does not change. */
  uuid?: string;
  /** Of the last change; sent back it acts as If-Match. */
  revision?: number;
  /** When it was made. */
  created?: string;
  /** When it was last changed. */
  modified?: string;
}

export interface Network {
  metadata: Metadata;
  spec: NetworkSpec;
  status: NetworkStatus;
}

/** Addresses that guests get. */
export interface NetworkDhcp {
  /** First address. */
  from: string;
  /** Last address. */
  to: string;
}

export interface NetworkInput {
  metadata?: MetadataInput;
  spec: NetworkSpec;
  /** Ignored: what was got can be sent back. */
  status?: Record<string, unknown>;
}

/** A segment that guests are plugged into. */
export interface NetworkSpec {
  /** nat: own subnet that reaches out under the host's address; isolated: guests reach only each other; bridge: an existing bridge. Fixed at creation. */
  kind: "nat" | "isolated" | "bridge";
  /** Link name of the bridge; required for the kind bridge, chosen otherwise. Fixed at creation. */
  bridge?: string;
  /** nat: its subnet; the first free one in 10.77.0.0/16 when left out. isolated: the host's end, none when left out. */
  cidr?: string;
  /** Addresses to give out; .100 to .250 of a /24 when left out. */
  dhcp?: NetworkDhcp;
  /** DNS domain of the guests. */
  domain?: string;
  /** Largest packet in bytes. */
  mtu?: number;
}

/** A network as it is. */
export interface NetworkStatus {
  /** Link name of its bridge. */
  bridge: string;
  /** The host's address and prefix length in it. */
  address?: string;
  /** Addresses that are given out. */
  dhcp?: StatusDhcp;
  /** The task that works on it. */
  task?: string;
}

export interface Node {
  metadata: Metadata;
  spec: NodeSpec;
  status: NodeStatus;
}

export interface NodeInput {
  metadata?: MetadataInput;
  spec: NodeSpec;
  /** Ignored: what was got can be sent back. */
  status?: Record<string, unknown>;
}

/** A host. */
export interface NodeSpec {
  /** No guest is started here. */
  maintenance?: boolean;
}

/** A host as it is. */
export interface NodeStatus {
  /** online: it answers. */
  state: "unknown" | "online";
  /** Release of Lodge. */
  version?: string;
  /** Seconds since it booted. */
  uptime?: number;
  /** Processors. */
  cpu?: StatusNodeCpu;
  /** Memory. */
  memory?: StatusNodeMemory;
  /** Disk transfers. */
  disk?: StatusIo;
  /** Network transfers. */
  net?: StatusNet;
  /** Whether virtual machines run by hardware; absent until it was tried. */
  kvm?: boolean;
  /** What needs somebody's attention. */
  warnings?: string[];
  /** Tasks at work. */
  tasks?: number;
}

export interface OrphanList {
  items: OrphanListItems[];
}

export interface OrphanListItems {
  task: string;
  step: string;
  error: string;
}

/** Changing one's own password. */
export interface PasswordInput {
  /** The password now. */
  old: string;
  /** The new one. */
  password: string;
}

/** What a change would do: the answer to a dry run. */
export interface Plan {
  dry_run: true;
  change: "create" | "update" | "delete" | "action";
  effects: PlanEffects[];
  /** of the task. */
  steps: string[];
  /** the guest runs and takes the change up at its next start. */
  needs_restart: boolean;
  /** it would take longer than a commit. */
  task: boolean;
  /** as it would be. */
  resource?: Record<string, unknown>;
}

export interface PlanEffects {
  /** JSON pointer. */
  pointer: string;
  effect: "now" | "restart";
  before?: unknown;
  after?: unknown;
}

export interface Pool {
  metadata: Metadata;
  spec: PoolSpec;
  status: PoolStatus;
}

export interface PoolInput {
  metadata?: MetadataInput;
  spec: PoolSpec;
  /** Ignored: what was got can be sent back. */
  status?: Record<string, unknown>;
}

/** A place for volumes. */
export interface PoolSpec {
  /** Driver. Fixed at creation. */
  kind: "dir";
  /** dir: the directory; under the state directory when left out. Fixed at creation. */
  path?: string;
  /** How long deleted volumes can be brought back. */
  trash_hours?: number;
}

/** A pool as it is. */
export interface PoolStatus {
  /** unknown: it was not looked at yet, or does not answer. */
  state: "unknown" | "ready";
  /** Bytes in all. */
  size?: number;
  /** Bytes in use. */
  used?: number;
  /** Bytes left. */
  free?: number;
}

/** How to carry out a power action. */
export interface PowerInput {
  /** shutdown, reboot: seconds to wait for the guest. */
  timeout_s?: number;
  /** shutdown: stop the guest when it has not shut down in time. */
  force?: boolean;
}

/** RFC 9457. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  /** stable, for programs. */
  code: string;
  /** what happened and why. */
  detail: string;
  /** what would make it work. */
  hint?: string;
  /** a query parameter of the same request that would make it work, given as true. */
  parameter?: string;
  errors?: ProblemErrors[];
}

export interface ProblemErrors {
  /** JSON pointer into the request body, or ?parameter. */
  pointer: string;
  detail: string;
}

export interface Role {
  metadata: Metadata;
  spec: RoleSpec;
}

export interface RoleInput {
  metadata?: MetadataInput;
  spec: RoleSpec;
  /** Ignored: what was got can be sent back. */
  status?: Record<string, unknown>;
}

/** A set of permissions. */
export interface RoleSpec {
  /** What it allows. */
  permissions: string[];
}

export interface Session {
  user: string;
  who: string;
  csrf?: string;
  expires?: string;
  permissions: Record<string, "all" | "some">;
}

export interface Setting {
  metadata: Metadata;
  spec: SettingSpec;
}

export interface SettingInput {
  metadata?: MetadataInput;
  spec: SettingSpec;
  /** Ignored: what was got can be sent back. */
  status?: Record<string, unknown>;
}

/** Settings of the whole installation. */
export interface SettingSpec {
  /** Memory of each host that guests never get. */
  memory_reserve?: number;
  /** Percent of the remaining memory that running guests may be promised; above 100 the host can run out and the kernel then kills guests. */
  memory_overcommit?: number;
}

/** Processors in use. */
export interface StatusCpu {
  /** CPUs in use, 1.0 is one whole CPU. */
  used: number;
}

/** The power state that is wanted. */
export interface StatusDesired {
  /** What is wanted. */
  state: "stopped" | "running";
  /** Who wants it. */
  cause: "user" | "guest" | "policy" | "host" | "ha";
}

/** Addresses that are given out. */
export interface StatusDhcp {
  /** First address. */
  from: string;
  /** Last address. */
  to: string;
}

/** A disk as it is. */
export interface StatusDisk {
  /** Name within the guest. */
  name: string;
  /** Its volume; null when that is gone. */
  volume: string | null;
  /** Bytes. */
  size: number;
}

/** Why a task failed. */
export interface StatusError {
  /** Stable, for programs. */
  code: string;
  /** What happened and why. */
  detail: string;
  /** What would make it work. */
  hint?: string;
}

/** Disk transfers in a second. */
export interface StatusIo {
  /** Bytes read. */
  read: number;
  /** Bytes written. */
  write: number;
  /** Reads. */
  read_ops?: number;
  /** Writes. */
  write_ops?: number;
}

/** Memory in bytes. */
export interface StatusMemory {
  /** In use. */
  used: number;
  /** Limit. */
  max: number;
}

/** Network transfers in a second. */
export interface StatusNet {
  /** Bytes received. */
  rx: number;
  /** Bytes sent. */
  tx: number;
}

/** A network card as it is. */
export interface StatusNic {
  /** Name within the guest. */
  name: string;
  /** Hardware address. */
  mac: string;
}

/** Processors of the host. */
export interface StatusNodeCpu {
  /** How many. */
  count: number;
  /** CPUs in use, 1.0 is one whole CPU. */
  used: number;
  /** Load averages over 1, 5 and 15 minutes. */
  load: number[];
}

/** Memory of the host in bytes. */
export interface StatusNodeMemory {
  /** In all. */
  total: number;
  /** In use. */
  used: number;
}

export interface Task {
  metadata: Metadata;
  spec: TaskSpec;
  status: TaskStatus;
}

export interface TaskInput {
  metadata?: MetadataInput;
  spec: TaskSpec;
  /** Ignored: what was got can be sent back. */
  status?: Record<string, unknown>;
}

/** What a task works on. */
export interface TaskObject {
  /** Kind of the resource. */
  kind: string;
  /** Its name when the task was made. */
  name: string;
  /** Its identity. */
  uuid: string;
}

/** Work that takes longer than a commit. */
export interface TaskSpec {
  /** What is done, such as guest.start. */
  action: string;
  /** On what. */
  object: TaskObject;
  /** Who asked for it; nobody where the host did by itself. */
  user?: string;
}

/** How far a task is. */
export interface TaskStatus {
  /** What it does; succeeded, failed and cancelled are its ends. */
  state: "queued" | "running" | "undoing" | "succeeded" | "failed" | "cancelled";
  /** Percent. */
  progress: number;
  /** The step at work. */
  message?: string;
  /** When its first step began. */
  started?: string;
  /** When it ended. */
  ended?: string;
  /** Why it failed. */
  error?: StatusError;
  /** All its steps; not in lists and events. */
  steps?: string[];
}

export interface Token {
  metadata: Metadata;
  spec: TokenSpec;
  /** Shown once, when the token is made. */
  secret?: string;
}

export interface TokenInput {
  metadata?: MetadataInput;
  spec: TokenSpec;
  /** Ignored: what was got can be sent back. */
  status?: Record<string, unknown>;
}

/** A secret for programs, in a user's name. */
export interface TokenSpec {
  /** Whose rights it has; you when left out. Fixed at creation. */
  user?: string;
  /** When it stops working; never when left out. */
  expires?: string;
  /** Only what this role allows of the user's rights. */
  role?: string;
  /** Only these of the user's rights. */
  permissions?: string[];
}

export interface Upload {
  /** for source.upload of an image. */
  id: string;
  image: string;
  /** bytes in all. */
  size: number;
  /** bytes that are there. */
  offset: number;
  /** without a further part. */
  expires: string;
}

/** Beginning an upload. */
export interface UploadInput {
  /** Bytes in all. */
  size: number;
}

export interface User {
  metadata: Metadata;
  spec: UserSpec;
  status: UserStatus;
}

export interface UserInput {
  metadata?: MetadataInput;
  spec: UserSpec;
  /** Ignored: what was got can be sent back. */
  status?: Record<string, unknown>;
}

/** Somebody who signs in. */
export interface UserSpec {
  /** Name for people. */
  full_name?: string;
  /** Groups that bindings can name. */
  groups?: string[];
  /** Cannot sign in; sessions and tokens end at once. */
  disabled?: boolean;
  /** New password; without one the user cannot sign in with a password. */
  password?: string;
}

/** A user as it is. */
export interface UserStatus {
  /** Can sign in with one. */
  has_password: boolean;
}

export interface Volume {
  metadata: Metadata;
  spec: VolumeSpec;
  status: VolumeStatus;
}

export interface VolumeInput {
  metadata?: MetadataInput;
  spec: VolumeSpec;
  /** Ignored: what was got can be sent back. */
  status?: Record<string, unknown>;
}

/** A virtual disk or a container's root file system. */
export interface VolumeSpec {
  /** Pool that holds it. Fixed at creation. */
  pool?: string;
  /** Size in bytes as the guest sees it; can grow, not shrink. */
  size: number;
  /** What is in it. Fixed at creation. */
  content?: "disk" | "rootfs";
  /** Format of a disk in a pool of files. Fixed at creation. */
  format?: "raw" | "qcow2";
  /** Image that it is filled from. Fixed at creation. */
  image?: string;
}

/** A volume as it is. */
export interface VolumeStatus {
  /** trashed: in the trash of its pool. */
  state: "ready" | "creating" | "deleting" | "trashed" | "failed";
  /** Guest that has it. */
  guest?: string;
  /** When it went to the trash. */
  trashed?: string;
  /** When the trash forgets it. */
  purged_after?: string;
  /** The task that works on it. */
  task?: string;
}

/** Every collection, and what its resources are. */
export interface Kinds {
  nodes: Node;
  guests: Guest;
  images: Image;
  pools: Pool;
  volumes: Volume;
  networks: Network;
  users: User;
  roles: Role;
  bindings: Binding;
  tokens: Token;
  settings: Setting;
  tasks: Task;
}

export const singular = {
  nodes: "node",
  guests: "guest",
  images: "image",
  pools: "pool",
  volumes: "volume",
  networks: "network",
  users: "user",
  roles: "role",
  bindings: "binding",
  tokens: "token",
  settings: "setting",
  tasks: "task",
} as const;

/** What comes over the wire, for validate(). */
export const shapes = {
  audit_list: {
    items: "[@audit_list_items",
  },
  audit_list_items: {
    seq: "i",
    time: "s",
    who: "s",
    address: "?~s",
    action: "s",
    object: "?~s",
    outcome: "s",
    detail: "?~s",
    hash: "s",
  },
  audit_verdict: {
    ok: "b",
    records: "i",
    head: "s",
    broken_at: "?i",
    reason: "?s",
  },
  binding: {
    metadata: "@metadata",
    spec: "@binding_spec",
  },
  binding_spec: {
    subject: "s",
    role: "s",
    path: "?s",
    selector: "?{s",
  },
  guest: {
    metadata: "@metadata",
    spec: "@guest_spec",
    status: "@guest_status",
  },
  guest_boot: {
    order: "?i",
    init: "?[s",
  },
  guest_cpu: {
    cores: "?i",
  },
  guest_disk_spec: {
    name: "s",
    pool: "?s",
    size: "?i",
    image: "?s",
    volume: "?s",
    read_only: "?b",
  },
  guest_nic_spec: {
    name: "s",
    network: "?s",
    mac: "?s",
    addresses: "?[s",
    spoofing: "?b",
  },
  guest_spec: {
    type: "|vm|container",
    run: "?|last|always|manual",
    cpu: "?@guest_cpu",
    memory: "?i",
    disks: "?[@guest_disk_spec",
    nics: "?[@guest_nic_spec",
    boot: "?@guest_boot",
    protection: "?b",
  },
  guest_status: {
    state: "|unknown|stopped|running|paused|blocked|crashed|creating|deleting",
    cause: "?|guest|started|stopped|failed|io-error",
    detail: "?s",
    since: "?s",
    desired: "@status_desired",
    node: "s",
    addresses: "[s",
    accelerator: "?|kvm|tcg",
    cpu: "?@status_cpu",
    memory: "?@status_memory",
    disk: "?@status_io",
    net: "?@status_net",
    pending_restart: "?[s",
    task: "?s",
    disks: "[@status_disk",
    nics: "[@status_nic",
    effective: "?@guest_spec",
  },
  image: {
    metadata: "@metadata",
    spec: "@image_spec",
    status: "@image_status",
  },
  image_source: {
    file: "?s",
    url: "?s",
    upload: "?s",
  },
  image_spec: {
    format: "|qcow2|raw|tar",
    source: "@image_source",
    sha256: "?s",
  },
  image_status: {
    state: "|ready|creating|deleting|trashed|failed",
    size: "i",
    virtual_size: "i",
    sha256: "?s",
    task: "?s",
  },
  login: {
    user: "s",
    csrf: "s",
    expires: "s",
  },
  metadata: {
    name: "s",
    labels: "{s",
    description: "?s",
    uuid: "s",
    revision: "i",
    created: "s",
    modified: "s",
  },
  metadata_input: {
    name: "?s",
    labels: "?{s",
    description: "?s",
    uuid: "?s",
    revision: "?i",
    created: "?s",
    modified: "?s",
  },
  network: {
    metadata: "@metadata",
    spec: "@network_spec",
    status: "@network_status",
  },
  network_dhcp: {
    from: "s",
    to: "s",
  },
  network_spec: {
    kind: "|nat|isolated|bridge",
    bridge: "?s",
    cidr: "?s",
    dhcp: "?@network_dhcp",
    domain: "?s",
    mtu: "?i",
  },
  network_status: {
    bridge: "s",
    address: "?s",
    dhcp: "?@status_dhcp",
    task: "?s",
  },
  node: {
    metadata: "@metadata",
    spec: "@node_spec",
    status: "@node_status",
  },
  node_spec: {
    maintenance: "?b",
  },
  node_status: {
    state: "|unknown|online",
    version: "?s",
    uptime: "?i",
    cpu: "?@status_node_cpu",
    memory: "?@status_node_memory",
    disk: "?@status_io",
    net: "?@status_net",
    kvm: "?b",
    warnings: "?[s",
    tasks: "?i",
  },
  orphan_list: {
    items: "[@orphan_list_items",
  },
  orphan_list_items: {
    task: "s",
    step: "s",
    error: "s",
  },
  plan: {
    dry_run: "=true",
    change: "|create|update|delete|action",
    effects: "[@plan_effects",
    steps: "[s",
    needs_restart: "b",
    task: "b",
    resource: "?{*",
  },
  plan_effects: {
    pointer: "s",
    effect: "|now|restart",
    before: "?*",
    after: "?*",
  },
  pool: {
    metadata: "@metadata",
    spec: "@pool_spec",
    status: "@pool_status",
  },
  pool_spec: {
    kind: "|dir",
    path: "?s",
    trash_hours: "?i",
  },
  pool_status: {
    state: "|unknown|ready",
    size: "?i",
    used: "?i",
    free: "?i",
  },
  problem: {
    type: "s",
    title: "s",
    status: "i",
    code: "s",
    detail: "s",
    hint: "?s",
    parameter: "?s",
    errors: "?[@problem_errors",
  },
  problem_errors: {
    pointer: "s",
    detail: "s",
  },
  role: {
    metadata: "@metadata",
    spec: "@role_spec",
  },
  role_spec: {
    permissions: "[s",
  },
  session: {
    user: "s",
    who: "s",
    csrf: "?s",
    expires: "?s",
    permissions: "{|all|some",
  },
  setting: {
    metadata: "@metadata",
    spec: "@setting_spec",
  },
  setting_spec: {
    memory_reserve: "?i",
    memory_overcommit: "?i",
  },
  status_cpu: {
    used: "n",
  },
  status_desired: {
    state: "|stopped|running",
    cause: "|user|guest|policy|host|ha",
  },
  status_dhcp: {
    from: "s",
    to: "s",
  },
  status_disk: {
    name: "s",
    volume: "~s",
    size: "i",
  },
  status_error: {
    code: "s",
    detail: "s",
    hint: "?s",
  },
  status_io: {
    read: "n",
    write: "n",
    read_ops: "?n",
    write_ops: "?n",
  },
  status_memory: {
    used: "i",
    max: "i",
  },
  status_net: {
    rx: "n",
    tx: "n",
  },
  status_nic: {
    name: "s",
    mac: "s",
  },
  status_node_cpu: {
    count: "i",
    used: "n",
    load: "[n",
  },
  status_node_memory: {
    total: "i",
    used: "i",
  },
  task: {
    metadata: "@metadata",
    spec: "@task_spec",
    status: "@task_status",
  },
  task_object: {
    kind: "s",
    name: "s",
    uuid: "s",
  },
  task_spec: {
    action: "s",
    object: "@task_object",
    user: "?s",
  },
  task_status: {
    state: "|queued|running|undoing|succeeded|failed|cancelled",
    progress: "i",
    message: "?s",
    started: "?s",
    ended: "?s",
    error: "?@status_error",
    steps: "?[s",
  },
  token: {
    metadata: "@metadata",
    spec: "@token_spec",
    secret: "?s",
  },
  token_spec: {
    user: "?s",
    expires: "?s",
    role: "?s",
    permissions: "?[s",
  },
  upload: {
    id: "s",
    image: "s",
    size: "i",
    offset: "i",
    expires: "s",
  },
  user: {
    metadata: "@metadata",
    spec: "@user_spec",
    status: "@user_status",
  },
  user_spec: {
    full_name: "?s",
    groups: "?[s",
    disabled: "?b",
    password: "?s",
  },
  user_status: {
    has_password: "b",
  },
  volume: {
    metadata: "@metadata",
    spec: "@volume_spec",
    status: "@volume_status",
  },
  volume_spec: {
    pool: "?s",
    size: "i",
    content: "?|disk|rootfs",
    format: "?|raw|qcow2",
    image: "?s",
  },
  volume_status: {
    state: "|ready|creating|deleting|trashed|failed",
    guest: "?s",
    trashed: "?s",
    purged_after: "?s",
    task: "?s",
  },
} as const satisfies Record<string, Record<string, string>>;

/** Help, defaults and bounds of every field that people fill in. */
export const fields = {
  binding_spec: {
    subject: {"help":"Who gets the role","min":1,"max":128,"pattern":"^(user|group|token):.+$","required":true},
    role: {"help":"admin, operator, viewer or a role of your own","min":1,"max":63,"pattern":"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$","required":true},
    path: {"help":"On which resources: / is all, * stands for anything within a name","default":"/","min":1,"max":300,"pattern":"^/.*$"},
    selector: {"help":"Only on resources with all of these labels"},
  },
  console_input: {
    kind: {"help":"vnc: a VM's screen; serial: a VM's serial port or a container's console; shell: a new shell in a container; log: what the guest wrote and writes to its console","values":["vnc","serial","shell","log"],"required":true},
    columns: {"help":"Width of the terminal; 80 when left out","min":1,"max":1000},
    rows: {"help":"Height of the terminal; 24 when left out","min":1,"max":1000},
    read_only: {"help":"Only look, never type","default":false},
    command: {"help":"shell: program and arguments to run instead of a login shell","min":0,"max":64},
  },
  guest_boot: {
    order: {"help":"Guests start with the host in this order and shut down in the reverse one","default":100,"min":0,"max":1000},
    init: {"help":"Container: program and arguments to run instead of /sbin/init. A running guest takes it up at its next start","min":0,"max":32},
  },
  guest_cpu: {
    cores: {"help":"Virtual CPUs of a VM; how many CPUs' time a container may use. A running guest takes it up at its next start","default":1,"min":1,"max":1024},
  },
  guest_disk_spec: {
    name: {"help":"Name within the guest","min":1,"max":15,"pattern":"^[a-z][a-z0-9-]{0,14}$","required":true},
    pool: {"help":"Pool that the volume is made in. Fixed at creation","default":"local","min":1,"max":63,"pattern":"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"},
    size: {"help":"Size in bytes; the image's when left out; can grow, not shrink","min":1048576,"max":70368744177664},
    image: {"help":"Image that the volume is filled from. Fixed at creation","min":1,"max":63,"pattern":"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"},
    volume: {"help":"An existing volume instead of a new one. Fixed at creation","min":1,"max":63,"pattern":"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"},
    read_only: {"help":"The guest cannot write to it. A running guest takes it up at its next start","default":false},
  },
  guest_nic_spec: {
    name: {"help":"Name within the guest; the link's name in a container","min":1,"max":15,"pattern":"^[a-z][a-z0-9-]{0,14}$","required":true},
    network: {"help":"Network that it is plugged into. A running guest takes it up at its next start","default":"default","min":1,"max":63,"pattern":"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"},
    mac: {"help":"Hardware address; one is chosen and kept when left out. A running guest takes it up at its next start","min":17,"max":17,"pattern":"^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$"},
    addresses: {"help":"Addresses that the guest sets itself on a network that gives out addresses, besides the one it is given; it can use no others. A running guest takes it up at its next start","min":0,"max":16},
    spoofing: {"help":"Let the guest send under any hardware and network address, tagged frames, router advertisements and DHCP answers: for bridges and routers inside it. A running guest takes it up at its next start","default":false},
  },
  guest_spec: {
    type: {"help":"Virtual machine or system container. Fixed at creation","values":["vm","container"],"required":true},
    run: {"help":"After a host boot: the state it had, always running, or only by hand","default":"last","values":["last","always","manual"]},
    cpu: {"help":"Processors"},
    memory: {"help":"Memory in bytes. A running guest takes it up at its next start","default":536870912,"min":16777216,"max":17592186044416},
    disks: {"help":"Disks","min":0,"max":16},
    nics: {"help":"Network cards. A running guest takes it up at its next start","min":0,"max":8},
    boot: {"help":"How it starts"},
    protection: {"help":"Refuse to delete the guest and its disks","default":false},
  },
  image_source: {
    file: {"help":"A file on the host","min":1,"max":4000,"pattern":"^/[^\\x00]*$"},
    url: {"help":"A download; a user and password before the host are used once and never shown","min":1,"max":2000,"pattern":"^https?://[^\\s]+$"},
    upload: {"help":"A whole upload: see POST /images/{name}/uploads","pattern":"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
  },
  image_spec: {
    format: {"help":"qcow2 and raw for virtual machines; tar, also compressed, for containers. Fixed at creation","values":["qcow2","raw","tar"],"required":true},
    source: {"help":"Where it comes from. Fixed at creation","required":true},
    sha256: {"help":"Refuse the source when its hash is another. Fixed at creation","pattern":"^[0-9a-f]{64}$"},
  },
  login_input: {
    user: {"help":"User name","min":1,"max":63,"required":true},
    password: {"help":"Password","min":1,"max":256,"required":true},
    otp: {"help":"One-time code, where the user has a second factor","min":0,"max":16},
  },
  metadata_input: {
    name: {"help":"Another name renames the resource","min":1,"max":63,"pattern":"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"},
    labels: {"help":"Keys and values to find and select resources by"},
    description: {"help":"Free text for people","min":0,"max":8192},
    uuid: {"help":"Identity that a rename does not change","pattern":"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
    revision: {"help":"Of the last change; sent back it acts as If-Match","min":0,"max":9223372036854776000},
    created: {"help":"When it was made","pattern":"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?Z$"},
    modified: {"help":"When it was last changed","pattern":"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?Z$"},
  },
  network_spec: {
    kind: {"help":"nat: own subnet that reaches out under the host's address; isolated: guests reach only each other; bridge: an existing bridge. Fixed at creation","values":["nat","isolated","bridge"],"required":true},
    bridge: {"help":"Link name of the bridge; required for the kind bridge, chosen otherwise. Fixed at creation","min":1,"max":15,"pattern":"^[A-Za-z][A-Za-z0-9_.-]{0,14}$"},
    cidr: {"help":"nat: its subnet; the first free one in 10.77.0.0/16 when left out. isolated: the host's end, none when left out","pattern":"^[0-9]{1,3}([.][0-9]{1,3}){3}/[0-9]{1,2}$"},
    dhcp: {"help":"Addresses to give out; .100 to .250 of a /24 when left out"},
    domain: {"help":"DNS domain of the guests","min":1,"max":253,"pattern":"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?([.][a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$"},
    mtu: {"help":"Largest packet in bytes","default":1500,"min":576,"max":9216},
  },
  node_spec: {
    maintenance: {"help":"No guest is started here","default":false},
  },
  password_input: {
    old: {"help":"The password now","min":1,"max":256,"required":true},
    password: {"help":"The new one","min":8,"max":256,"required":true},
  },
  pool_spec: {
    kind: {"help":"Driver. Fixed at creation","values":["dir"],"required":true},
    path: {"help":"dir: the directory; under the state directory when left out. Fixed at creation","min":1,"max":400,"pattern":"^/[^\\x00]*$"},
    trash_hours: {"help":"How long deleted volumes can be brought back","default":24,"min":0,"max":8760},
  },
  power_input: {
    timeout_s: {"help":"shutdown, reboot: seconds to wait for the guest","default":60,"min":1,"max":3600},
    force: {"help":"shutdown: stop the guest when it has not shut down in time","default":false},
  },
  role_spec: {
    permissions: {"help":"What it allows","min":1,"max":200,"required":true},
  },
  setting_spec: {
    memory_reserve: {"help":"Memory of each host that guests never get","default":536870912,"min":0,"max":17592186044416},
    memory_overcommit: {"help":"Percent of the remaining memory that running guests may be promised; above 100 the host can run out and the kernel then kills guests","default":100,"min":50,"max":400},
  },
  task_spec: {
    action: {"help":"What is done, such as guest.start","required":true},
    object: {"help":"On what","required":true},
    user: {"help":"Who asked for it; nobody where the host did by itself"},
  },
  token_spec: {
    user: {"help":"Whose rights it has; you when left out. Fixed at creation","min":1,"max":63,"pattern":"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"},
    expires: {"help":"When it stops working; never when left out","pattern":"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?Z$"},
    role: {"help":"Only what this role allows of the user's rights","min":1,"max":63,"pattern":"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"},
    permissions: {"help":"Only these of the user's rights","min":0,"max":200},
  },
  upload_input: {
    size: {"help":"Bytes in all","min":1,"max":70368744177664,"required":true},
  },
  user_spec: {
    full_name: {"help":"Name for people","min":0,"max":200,"pattern":"^[^\\x00-\\x1f\\x7f]*$"},
    groups: {"help":"Groups that bindings can name","min":0,"max":64},
    disabled: {"help":"Cannot sign in; sessions and tokens end at once","default":false},
    password: {"help":"New password; without one the user cannot sign in with a password","min":8,"max":256},
  },
  volume_spec: {
    pool: {"help":"Pool that holds it. Fixed at creation","default":"local","min":1,"max":63,"pattern":"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"},
    size: {"help":"Size in bytes as the guest sees it; can grow, not shrink","min":1048576,"max":70368744177664,"required":true},
    content: {"help":"What is in it. Fixed at creation","default":"disk","values":["disk","rootfs"]},
    format: {"help":"Format of a disk in a pool of files. Fixed at creation","default":"qcow2","values":["raw","qcow2"]},
    image: {"help":"Image that it is filled from. Fixed at creation","min":1,"max":63,"pattern":"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"},
  },
} as const;
