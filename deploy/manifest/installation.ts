/** What differs between one installation and another; everything else in the manifest is fixed. */
export interface Installation {
  readonly namespace: string
  /** Full name of the image, such as `ghcr.io/openelb-ts/openelb:0.1.0`. */
  readonly image: string
  /** The product's version; it is part of the names of certgen's Jobs. */
  readonly version: string
}

/** One Kubernetes object as it is written into the manifest. */
export interface ManifestObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly [field: string]: unknown
}
