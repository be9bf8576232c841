// What the box says to the device wall: mirrors edge/contract/technician_views.py and device_states.py (tests/screens compares them).

export interface CashierView {
  id: string;
  name: string;
  role: string;
  language: string;
}

export interface TechnicianView {
  till: string;
  store_name: string;
  person: CashierView | null;
  staff: CashierView[];
}

export interface StatisticView {
  name: string;
  count: number;
}

export type DeviceTest = "test_page" | "health" | "open_drawer";
export type Setting = string | number | boolean | null | undefined;

export interface TerminalDayView {
  state: string;
  job: string;
  code: string;
  words: string;
  advice: string;
  outcome: string;
  at: number;
  told: boolean;
  amount_minor: number;
  ledger_minor: number;
  difference_minor: number;
  inferred: boolean;
  currency: string;
}

export interface WallDevice {
  id: string;
  name: string;
  host: string;
  driver: string;
  till: string;
  roles: string[];
  fixed: boolean;
  device_class: string;
  model: string;
  serial_number: string;
  firmware: string;
  address: string;
  settings: Record<string, unknown>;
  state: string;
  well: boolean;
  code: string;
  words: string;
  advice: string;
  paper: string;
  cover: string;
  drawer: string;
  weight: string;
  weight_g: number;
  jobs_waiting: number;
  last_scan: string;
  last_scan_at: number;
  statistics: StatisticView[];
  tests: DeviceTest[];
  ends_day: boolean;
  day: TerminalDayView | null;
}

export interface FoundDevice {
  address: string;
  description: string;
  driver?: string;
  drivers?: string[];
  kind?: string;
  usb?: string;
  serial_number?: string;
}

export interface SettingOffer {
  name: string;
  kind: "text" | "number" | "yes_no" | "choice" | "other";
  required?: boolean;
  default?: unknown;
  choices?: (string | number)[];
  low?: number;
  high?: number;
  chars_max?: number;
}

export interface DriverOffer {
  name: string;
  device_class: string;
  model?: string;
  rung?: string;
  settings?: SettingOffer[];
  capabilities?: string[];
  job_kinds?: string[];
}

export interface OfferView {
  offer: DriverOffer;
  roles: string[];
}

export interface WallHost {
  name: string;
  online: boolean;
  version: string;
  found: FoundDevice[];
  drivers: OfferView[];
}

export interface WallView {
  store: string;
  at: number;
  bus: boolean;
  tills: string[];
  devices: WallDevice[];
  hosts: WallHost[];
}

export interface TestBody {
  outcome: "done" | "failed" | "unknown" | "waiting";
  code: string;
  words: string;
  advice: string;
}
