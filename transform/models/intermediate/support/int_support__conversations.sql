{{ union_vendors('conversations') }}
