"""Foreign files become frames and reports: OpenStreetMap, GIS layers, tables, GPX, photos.

Reading is apart from writing: a module named for what it reads returns frames with the columns of
`layers.store.schema`, in longitude and latitude on WGS 84, and the rows it refused with their reasons.
`runs` writes what was read into a site.
"""
