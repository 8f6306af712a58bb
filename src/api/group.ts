/** The API group of all our kinds. */
export const GROUP = 'network.kubesphere.io'

/** The version that is served and stored. v1alpha1 of OpenELB's kinds stays served and is deprecated. */
export const VERSION = 'v1alpha2'
