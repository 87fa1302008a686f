"""Records to Folium maps: pure, no request, no store, no clock."""
